"""What a client of TensorFlow Serving takes and gives, whichever protocol it speaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from facedetect.model_ref import ModelRef

Arrays = Mapping[str, NDArray[Any]]

DEFAULT_SIGNATURE = "serving_default"


class Code(IntEnum):
    """The codes of google.rpc.Code, which gRPC's are."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


class ServingError(Exception):
    """The server refused, failed, was not reached, or gave an answer that cannot be read."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code

    def __str__(self) -> str:
        return f"{self.code.name}: {self.args[0]}"


@dataclass(frozen=True)
class Prediction:
    """A model's outputs by name; `version` is which one answered, None where it is not said."""

    outputs: dict[str, NDArray[Any]]
    version: int | None


@dataclass(frozen=True)
class TensorSpec:
    """One input or output. `dtype` None is a type NumPy lacks; `shape` None is of any rank."""

    dtype: np.dtype[Any] | None
    shape: tuple[int | None, ...] | None


@dataclass(frozen=True)
class Signature:
    inputs: dict[str, TensorSpec]
    outputs: dict[str, TensorSpec]
    method_name: str


@dataclass(frozen=True)
class Metadata:
    """The signatures of one version of a model, by name."""

    version: int
    signatures: dict[str, Signature]


class State(StrEnum):
    """Where a version is on its way through the server; only AVAILABLE ones answer."""

    UNKNOWN = "UNKNOWN"
    START = "START"
    LOADING = "LOADING"
    AVAILABLE = "AVAILABLE"
    UNLOADING = "UNLOADING"
    END = "END"


@dataclass(frozen=True)
class VersionStatus:
    """One version's state; `code` and `message` say why it failed, if it did."""

    version: int
    state: State
    code: Code
    message: str


class ServingClient(Protocol):
    """A connection to TensorFlow Serving; safe to share between threads.

    Every call ends within its `timeout_s`, and raises ServingError if it did not succeed.
    """

    def predict(
        self,
        model: ModelRef,
        inputs: Arrays,
        *,
        timeout_s: float,
        signature: str = DEFAULT_SIGNATURE,
        outputs: Sequence[str] = (),
    ) -> Prediction:
        """Run a signature; `outputs` names the wanted ones, all by default.

        Strings are arrays of type object that hold bytes.
        """
        ...

    def metadata(self, model: ModelRef, *, timeout_s: float) -> Metadata:
        """The signatures of a model."""
        ...

    def status(self, model: ModelRef, *, timeout_s: float) -> list[VersionStatus]:
        """The state of every version that the server knows, or of the one asked for.

        TensorFlow Serving does not look at labels here; `metadata` resolves them.
        """
        ...

    def close(self) -> None:
        """End the connection; calls under way fail."""
        ...
