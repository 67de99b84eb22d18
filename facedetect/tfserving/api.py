"""The interface of a TensorFlow Serving client, the same for gRPC and REST."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from facedetect.model_ref import ModelRef
from facedetect.tfserving.serving_pb2 import Code, ModelVersionStatus, SignatureDef

Arrays = Mapping[str, NDArray[Any]]

DEFAULT_SIGNATURE = "serving_default"

HTTP_STATUSES: dict[int, int] = {
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
"""TensorFlow Serving's HTTP status codes for REST; other codes map to 500.

If several codes share a status, the status is read as the first.
"""


class ServingError(Exception):
    """The server rejected the call, failed, could not be reached or sent an unreadable response.

    `code` is a gRPC code, from `serving_pb2.Code`.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code

    def __str__(self) -> str:
        return f"{Code.Name(self.code)}: {self.args[0]}"


@dataclass(frozen=True)
class Prediction:
    """A model's outputs by name, and the `version` that computed them, None if unknown."""

    outputs: dict[str, NDArray[Any]]
    version: int | None


@dataclass(frozen=True)
class Metadata:
    """The signatures of a model version, by name.

    `tensor_proto.dtype_of` gives NumPy's type for an input's or output's `dtype`.
    """

    version: int
    signatures: dict[str, SignatureDef]


class ServingClient(Protocol):
    """A connection to TensorFlow Serving; safe to share between threads.

    Every call ends within its `timeout_s` and raises ServingError if it fails.
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
        """Run a signature and return the named outputs, by default all.

        Strings are arrays of type object that hold bytes.
        """
        ...

    def metadata(self, model: ModelRef, *, timeout_s: float) -> Metadata:
        """Return the signatures of a model."""
        ...

    def status(self, model: ModelRef, *, timeout_s: float) -> list[ModelVersionStatus]:
        """Return the state of the requested version, or of all known versions, latest first.

        TensorFlow Serving ignores labels here; `metadata` resolves them.
        """
        ...

    def close(self) -> None:
        """Close the connection; calls in progress fail."""
        ...


def latest_first(statuses: Iterable[ModelVersionStatus]) -> list[ModelVersionStatus]:
    return sorted(statuses, key=lambda status: status.version, reverse=True)
