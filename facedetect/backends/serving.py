"""The model in TensorFlow Serving, over gRPC or REST."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from facedetect.backends.base import ModelChoice, RawDetections, refusal_in
from facedetect.errors import (
    BackendError,
    BackendProtocolError,
    BackendTimeout,
    BackendUnavailable,
    FacedetectError,
    InvalidParams,
    ModelNotFound,
    said_again,
)
from facedetect.faces import DetectionParams, ModelVersion
from facedetect.images import BGRImage, encode_image
from facedetect.tfserving.api import (
    Arrays,
    Code,
    Model,
    Prediction,
    ServingClient,
    ServingError,
    State,
)

_OUTPUTS = ("prob", "landmarks", "box")

# For callers without a deadline: a call that hangs helps nobody.
_LONGEST_CALL_S = 300.0
_STATUS_TIMEOUT_S = 3.0

SendImage = Callable[[BGRImage], tuple[str, Arrays]]


def as_pixels(image: BGRImage) -> tuple[str, Arrays]:
    """As uint8: what costs least of decoded pixels (docs/benchmark-serving.md has the figures)."""
    return "serving_uint8", {"input": image}


def as_png(image: BGRImage) -> tuple[str, Arrays]:
    """As a file without loss: JSON would have every value of every pixel as text."""
    return "serving_bytes", {"image_bytes": np.array(encode_image(image, ".png"), object)}


class ServingBackend:
    """Asks a model of TensorFlow Serving; `place` is what errors call the server."""

    def __init__(
        self, client: ServingClient, model: Model, *, place: str, send_image: SendImage
    ) -> None:
        self._client = client
        self._model = model
        self._place = place
        self._send_image = send_image

    def predict(
        self,
        image: BGRImage,
        params: DetectionParams,
        *,
        deadline: float | None,
        choice: ModelChoice | None = None,
    ) -> RawDetections:
        model = self._chosen(choice)
        signature, inputs = self._send_image(image)
        parameters = {
            "min_size": np.array(params.min_size, np.float32),
            "thresholds": np.array(params.thresholds, np.float32),
            "factor": np.array(params.factor, np.float32),
        }
        with self._errors_translated(model):
            found = self._client.predict(
                model,
                {**inputs, **parameters},
                timeout_s=_seconds_until(deadline),
                signature=signature,
                outputs=_OUTPUTS,
            )
        return self._to_raw(found)

    def check_ready(self) -> ModelVersion:
        try:
            return self._ask_for_version()
        except (BackendTimeout, BackendProtocolError) as error:
            raise said_again(error, BackendUnavailable) from error

    def _ask_for_version(self) -> ModelVersion:
        model = self._model
        with self._errors_translated(model):
            if model.label is not None:  # a status has no labels
                version = self._client.metadata(model, timeout_s=_STATUS_TIMEOUT_S).version
                return ModelVersion(model.name, str(version))
            statuses = self._client.status(model, timeout_s=_STATUS_TIMEOUT_S)
        for status in statuses:
            if status.state is State.AVAILABLE:
                return ModelVersion(model.name, str(status.version))
        states = ", ".join(f"version {s.version} is {s.state}" for s in statuses)
        error = BackendUnavailable(f"no version of {model.name} is AVAILABLE: {states}")
        error.add_note(f"{self._place} said {'; '.join(s.message for s in statuses)}")
        raise error

    def close(self) -> None:
        self._client.close()

    def _chosen(self, choice: ModelChoice | None) -> Model:
        if choice is None:
            return self._model
        return Model(self._model.name, choice.version, choice.label)

    def _to_raw(self, found: Prediction) -> RawDetections:
        missing = [name for name in _OUTPUTS if name not in found.outputs]
        wrong = [n for n in _OUTPUTS if n not in missing and found.outputs[n].dtype != np.float32]
        if missing or wrong:
            raise BackendProtocolError(
                f"model {self._model.name} answered without float32 "
                f"{', '.join(missing + wrong)}; is it an MTCNN model?"
            )
        version = "unknown" if found.version is None else str(found.version)
        tensors = {name: found.outputs[name] for name in _OUTPUTS}
        return RawDetections(**tensors, model=ModelVersion(self._model.name, version))

    @contextmanager
    def _errors_translated(self, model: Model) -> Iterator[None]:
        try:
            yield
        except ServingError as error:
            raise self._translate(error, model) from error

    def _translate(self, error: ServingError, model: Model) -> FacedetectError:
        refused = refusal_in(str(error)) if error.code is Code.INVALID_ARGUMENT else None
        if refused is not None:
            return InvalidParams(refused)
        translated: BackendError
        if _is_missing(error):
            translated = ModelNotFound(f"the model server does not serve {_words(model)}")
        else:
            kind, words = _KINDS.get(error.code, (BackendProtocolError, "failed"))
            translated = kind(f"the model server {words}")
        translated.add_note(f"{self._place} said {error}")
        return translated


_KINDS: dict[Code, tuple[type[BackendError], str]] = {
    Code.DEADLINE_EXCEEDED: (BackendTimeout, "did not answer before the deadline"),
    Code.UNAVAILABLE: (BackendUnavailable, "cannot be reached"),
    Code.RESOURCE_EXHAUSTED: (BackendUnavailable, "has too much to do"),
    Code.UNAUTHENTICATED: (BackendUnavailable, "does not know this client"),
    Code.PERMISSION_DENIED: (BackendUnavailable, "does not let this client in"),
    Code.CANCELLED: (BackendUnavailable, "was left"),
}


def _is_missing(error: ServingError) -> bool:
    """A label that is not known is an invalid argument to TensorFlow Serving."""
    is_label = error.code is Code.INVALID_ARGUMENT and "version label" in str(error)
    return error.code is Code.NOT_FOUND or is_label


def _words(model: Model) -> str:
    if model.version is not None:
        return f"version {model.version} of {model.name}"
    if model.label is not None:
        return f"{model.name} with the label {model.label}"
    return model.name


def _seconds_until(deadline: float | None) -> float:
    if deadline is None:
        return _LONGEST_CALL_S
    left_s = deadline - time.monotonic()
    if left_s <= 0:
        raise BackendTimeout("the deadline had passed before the model could be asked")
    return left_s
