"""The model in this process: a SavedModel run by TensorFlow itself."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from facedetect.backends.base import InferenceRequest, RawDetections, guard_message
from facedetect.errors import (
    BackendProtocolError,
    BackendTimeout,
    BackendUnavailable,
    InvalidParams,
    ModelNotFound,
    copy_error,
)
from facedetect.memory import give_back_freed
from facedetect.model_ref import ModelRef

if TYPE_CHECKING:
    from facedetect.model.saved_model import SavedModel

# Three bytes a pixel instead of twelve; the cast in the graph costs less than one in NumPy.
_SIGNATURE = "serving_uint8"
_OUTPUTS = ("prob", "landmarks", "box")
_CLOSED = "the detector is closed; open a new one"


class EmbeddedBackend:
    """Runs one version of the SavedModel in `folder`, or the built-in model without a folder.

    The model is loaded and warmed up, and the built-in one built if need be, by the first call
    that needs it. `intra_op_threads` and `inter_op_threads` are TensorFlow's (see
    `model.session.Threads`): 1 and one a core unless given.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        version: int | None = None,
        intra_op_threads: int = 1,
        inter_op_threads: int | None = None,
    ) -> None:
        self._folder = folder
        self._version = version
        self._threads = (intra_op_threads, inter_op_threads)
        self._lock = threading.Lock()
        self._model: _LoadedModel | None = None
        self._failure: BackendUnavailable | None = None
        self._is_closed = False

    def predict(self, request: InferenceRequest) -> RawDetections:
        model = self._model or self._load(request.deadline)
        _check_requested(request.model, model.ref)
        try:
            return model.run(request)
        except BackendProtocolError as error:
            if self._is_closed:  # while the model was running
                raise BackendUnavailable(_CLOSED) from error
            raise

    def check_ready(self) -> ModelRef:
        model = self._model
        if model is not None:
            return model.ref
        if self._failure is not None:
            raise copy_error(self._failure, type(self._failure)) from self._failure
        raise BackendUnavailable("the model is being loaded; try again in some seconds")

    def close(self) -> None:
        with self._lock:
            model, self._model = self._model, None
            self._failure = BackendUnavailable(_CLOSED)
            self._is_closed = True
            if model is not None:
                model.saved_model.close()

    def _load(self, deadline: float | None) -> _LoadedModel:
        """Load the model, or wait for the thread that does; a failed attempt may be repeated.

        The deadline ends the wait, not the loading, which the next call has use for.
        """
        timeout_s = -1 if deadline is None else max(0.0, deadline - time.monotonic())
        if not self._lock.acquire(timeout=timeout_s):
            raise BackendTimeout("the model was still being loaded at the deadline")
        try:
            return self._load_once()
        except BackendUnavailable as error:
            self._failure = error
            raise
        except Exception as error:
            model = self._folder or "the built-in model"
            self._failure = BackendUnavailable(f"{model} cannot be loaded: {error}")
            raise self._failure from error
        finally:
            self._lock.release()

    def _load_once(self) -> _LoadedModel:
        if self._is_closed:
            raise BackendUnavailable(_CLOSED)
        if self._model is None:
            self._model = _load_model(self._folder, self._version, self._threads)
        return self._model


@dataclass(frozen=True)
class _LoadedModel:
    """A SavedModel in memory, and which one it is."""

    saved_model: SavedModel
    ref: ModelRef

    def run(self, request: InferenceRequest) -> RawDetections:
        from facedetect.model import tensorflow as tf

        inputs = {
            "input": request.image,
            "min_size": request.params.min_size,
            "thresholds": request.params.thresholds,
            "factor": request.params.factor,
        }
        try:
            found = self.saved_model.run(_SIGNATURE, inputs, _OUTPUTS, request.seconds_left())
        except tf.errors.DeadlineExceededError as error:
            raise BackendTimeout("the model did not answer before the deadline") from error
        except tf.errors.OpError as error:
            refused = guard_message(error.message)
            if refused is not None:
                raise InvalidParams(refused) from error
            raise BackendProtocolError(f"the model failed: {error.message}") from error
        return RawDetections(**found, model=self.ref)


def _check_requested(requested: ModelRef, loaded: ModelRef) -> None:
    wanted = requested.or_default(loaded)
    if wanted != loaded:
        raise ModelNotFound(
            f"this process runs {loaded}, not {wanted}; TensorFlow Serving serves several versions "
            "side by side"
        )


def _load_model(
    folder: Path | None, version: int | None, threads: tuple[int, int | None]
) -> _LoadedModel:
    from facedetect.model.builtin import builtin_model
    from facedetect.model.graph_files import version_folder
    from facedetect.model.saved_model import load_saved_model
    from facedetect.model.session import Threads

    place = version_folder(folder or builtin_model(), version)
    name = "mtcnn" if folder is None else place.absolute().parent.name
    number = int(place.name) if place.name.isdecimal() else None
    with ExitStack() as stack:
        saved_model = load_saved_model(place, Threads(*threads))
        stack.callback(saved_model.close)
        model = _LoadedModel(saved_model, ModelRef(name, number))
        try:
            _warm_up(model)
        except BackendProtocolError as error:
            raise BackendUnavailable(
                f"{place} cannot be used: {error}; `facedetect convert` writes a model that can be"
            ) from error
        give_back_freed()  # some 40 MB
        stack.pop_all()
    return model


def _warm_up(model: _LoadedModel) -> None:
    from facedetect.model.guards import WorkLimits
    from facedetect.model.warmup import warmup_calls

    for image, params in warmup_calls(WorkLimits()):
        with suppress(InvalidParams):  # the model's own limits may be lower
            model.run(InferenceRequest(image, params))
