"""The model in TensorFlow Serving, over gRPC or REST."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from facedetect.backends.base import InferenceRequest, RawDetections, guard_message
from facedetect.errors import (
    BackendError,
    BackendProtocolError,
    BackendTimeout,
    BackendUnavailable,
    FacedetectError,
    InvalidParams,
    ModelNotFound,
    copy_error,
)
from facedetect.images import BGRImage, encode_image
from facedetect.model_ref import ModelRef
from facedetect.tfserving.api import Arrays, Prediction, ServingClient, ServingError
from facedetect.tfserving.serving_pb2 import Code, ModelVersionStatus

_OUTPUTS = ("prob", "landmarks", "box")
_STATES = {number: name for name, number in ModelVersionStatus.State.items()}

# For callers without a deadline: a call that hangs helps nobody.
_LONGEST_CALL_S = 300.0
_STATUS_TIMEOUT_S = 3.0

ToInputs = Callable[[BGRImage], tuple[str, Arrays]]
"""Turns an image into the name of a signature and the tensor to feed it with."""


def as_pixels(image: BGRImage) -> tuple[str, Arrays]:
    """Send uint8 pixels: the cheapest form of a decoded image (docs/benchmark-serving.md)."""
    return "serving_uint8", {"input": image}


def as_png(image: BGRImage) -> tuple[str, Arrays]:
    """Send a lossless file: JSON would spell out every value of every pixel."""
    return "serving_bytes", {"image_bytes": np.array(encode_image(image, ".png"), object)}


class ServingBackend:
    """Runs a model of TensorFlow Serving; errors name the server by its `address`."""

    instruction_set = None

    def __init__(
        self, client: ServingClient, model: ModelRef, *, address: str, to_inputs: ToInputs
    ) -> None:
        self._client = client
        self._model = model
        self._address = address
        self._to_inputs = to_inputs

    def predict(self, request: InferenceRequest) -> RawDetections:
        model = request.model.or_default(self._model)
        signature, inputs = self._to_inputs(request.image)
        parameters = {
            "min_size": np.array(request.params.min_size, np.float32),
            "thresholds": np.array(request.params.thresholds, np.float32),
            "factor": np.array(request.params.factor, np.float32),
        }
        with self._errors_translated(model):
            prediction = self._client.predict(
                model,
                {**inputs, **parameters},
                timeout_s=request.seconds_left() or _LONGEST_CALL_S,
                signature=signature,
                outputs=_OUTPUTS,
            )
        return _to_raw_detections(prediction, model)

    def check_ready(self) -> ModelRef:
        try:
            return self._available_version()
        except (BackendTimeout, BackendProtocolError) as error:
            raise copy_error(error, BackendUnavailable) from error

    def _available_version(self) -> ModelRef:
        model = self._model
        with self._errors_translated(model):
            if model.label is not None:  # GetModelStatus does not resolve labels
                metadata = self._client.metadata(model, timeout_s=_STATUS_TIMEOUT_S)
                return ModelRef(model.name, metadata.version)
            statuses = self._client.status(model, timeout_s=_STATUS_TIMEOUT_S)
        for status in statuses:
            if status.state == ModelVersionStatus.AVAILABLE:
                return ModelRef(model.name, status.version)
        states = ", ".join(f"version {s.version} is {_STATES.get(s.state)}" for s in statuses)
        error = BackendUnavailable(f"no version of {model.name} is AVAILABLE: {states}")
        messages = "; ".join(status.status.error_message for status in statuses)
        error.add_note(f"{self._address} said {messages}")
        raise error

    def close(self) -> None:
        self._client.close()

    @contextmanager
    def _errors_translated(self, model: ModelRef) -> Iterator[None]:
        try:
            yield
        except ServingError as error:
            raise self._translate(error, model) from error

    def _translate(self, error: ServingError, model: ModelRef) -> FacedetectError:
        guard = guard_message(str(error)) if error.code == Code.INVALID_ARGUMENT else None
        if guard is not None:
            return InvalidParams(guard)
        translated: BackendError
        if _is_missing(error):
            translated = ModelNotFound(f"the model server does not serve {model}")
        else:
            kind, message = _ERRORS.get(error.code, (BackendProtocolError, "failed"))
            translated = kind(f"the model server {message}")
        translated.add_note(f"{self._address} said {error}")
        return translated


_ERRORS: dict[int, tuple[type[BackendError], str]] = {
    Code.DEADLINE_EXCEEDED: (BackendTimeout, "did not answer before the deadline"),
    Code.UNAVAILABLE: (BackendUnavailable, "cannot be reached"),
    Code.RESOURCE_EXHAUSTED: (BackendUnavailable, "is overloaded"),
    Code.UNAUTHENTICATED: (BackendUnavailable, "does not accept this client's certificate"),
    Code.PERMISSION_DENIED: (BackendUnavailable, "denies this client access"),
    Code.CANCELLED: (BackendUnavailable, "cancelled the call"),
}


def _is_missing(error: ServingError) -> bool:
    """TensorFlow Serving calls an unknown label an invalid argument."""
    is_label = error.code == Code.INVALID_ARGUMENT and "version label" in str(error)
    return error.code == Code.NOT_FOUND or is_label


def _to_raw_detections(prediction: Prediction, model: ModelRef) -> RawDetections:
    outputs = prediction.outputs
    missing = [name for name in _OUTPUTS if name not in outputs]
    wrong = [n for n in _OUTPUTS if n not in missing and outputs[n].dtype != np.float32]
    if missing or wrong:
        raise BackendProtocolError(
            f"model {model.name} returned no float32 {', '.join(missing + wrong)}; "
            "is it an MTCNN model?"
        )
    tensors = {name: outputs[name] for name in _OUTPUTS}
    return RawDetections(**tensors, model=replace(model, version=prediction.version, label=None))
