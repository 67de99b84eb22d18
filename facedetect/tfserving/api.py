"""The interface of a TensorFlow Serving client, the same for gRPC and REST."""

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
    """gRPC's status codes (google.rpc.Code)."""

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


HTTP_STATUSES: dict[Code, int] = {
    Code.CANCELLED: 499,
    Code.INVALID_ARGUMENT: 400,
    Code.FAILED_PRECONDITION: 400,
    Code.OUT_OF_RANGE: 400,
    Code.UNAUTHENTICATED: 401,
    Code.PERMISSION_DENIED: 403,
    Code.NOT_FOUND: 404,
    Code.ABORTED: 409,
    Code.ALREADY_EXISTS: 409,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.UNIMPLEMENTED: 501,
    Code.UNAVAILABLE: 503,
    Code.DEADLINE_EXCEEDED: 504,
}
"""TensorFlow Serving's HTTP statuses for REST; other codes have 500.

Where codes share a status, the first is the one that the status is read as.
"""


class ServingError(Exception):
    """The server refused the call, failed, could not be reached or sent an unreadable response."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code

    def __str__(self) -> str:
        return f"{self.code.name}: {self.args[0]}"


@dataclass(frozen=True)
class Prediction:
    """A model's outputs by name; `version` computed them, None if the server does not say."""

    outputs: dict[str, NDArray[Any]]
    version: int | None


@dataclass(frozen=True)
class TensorSpec:
    """One input or output. `dtype` is None if NumPy has no such type, `shape` for any rank."""

    dtype: np.dtype[Any] | None
    shape: tuple[int | None, ...] | None


@dataclass(frozen=True)
class Signature:
    """The inputs and outputs of one signature, by name."""

    inputs: dict[str, TensorSpec]
    outputs: dict[str, TensorSpec]
    method_name: str


@dataclass(frozen=True)
class Metadata:
    """The signatures of one version of a model, by name."""

    version: int
    signatures: dict[str, Signature]


class State(StrEnum):
    """The state of a version in the server; only AVAILABLE versions answer."""

    UNKNOWN = "UNKNOWN"
    START = "START"
    LOADING = "LOADING"
    AVAILABLE = "AVAILABLE"
    UNLOADING = "UNLOADING"
    END = "END"


@dataclass(frozen=True)
class VersionStatus:
    """One version's state; if it failed to load, `code` and `message` say why."""

    version: int
    state: State
    code: Code
    message: str


class ServingClient(Protocol):
    """A connection to TensorFlow Serving; safe to share between threads.

    Every call ends within its `timeout_s`; it raises ServingError if it fails.
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
        """Run a signature for the outputs named, by default for all of them.

        Strings are arrays of type object that hold bytes.
        """
        ...

    def metadata(self, model: ModelRef, *, timeout_s: float) -> Metadata:
        """The signatures of a model."""
        ...

    def status(self, model: ModelRef, *, timeout_s: float) -> list[VersionStatus]:
        """The state of the version asked for, or of all that the server knows; latest first.

        TensorFlow Serving ignores labels here; `metadata` resolves them.
        """
        ...

    def close(self) -> None:
        """Close the connection; running calls fail."""
        ...
