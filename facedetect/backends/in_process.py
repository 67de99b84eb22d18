"""A backend whose model is in this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

from facedetect.backends.base import InferenceRequest, RawDetections
from facedetect.errors import (
    BackendError,
    BackendTimeout,
    BackendUnavailable,
    FacedetectError,
    ModelNotFound,
    copy_error,
)
from facedetect.model_ref import ModelRef

_CLOSED = "the detector is closed; open a new one"


class LoadedModel(Protocol):
    """A model in memory. Thread-safe."""

    @property
    def ref(self) -> ModelRef: ...

    @property
    def instruction_set(self) -> str | None: ...

    def run(self, request: InferenceRequest) -> RawDetections:
        """Run the model on one image; raises BackendError's subclasses and InvalidParams."""
        ...

    def close(self) -> None:
        """Free the model; calls in progress fail with a BackendError."""
        ...


class InProcessBackend:
    """A Backend that loads its model on first use.

    The time for loading does not count toward the first call's deadline; other calls wait for the
    model until their own deadline.

    `name` names the model in errors. `load` loads it within seconds; any error becomes
    BackendUnavailable.
    """

    def __init__(self, name: str, load: Callable[[], LoadedModel]) -> None:
        self._name = name
        self._load_model = load
        self._lock = threading.Lock()
        self._model: LoadedModel | None = None
        self._failure: BackendUnavailable | None = None
        self._is_closed = False

    @property
    def instruction_set(self) -> str | None:
        model = self._model
        return None if model is None else model.instruction_set

    def predict(self, request: InferenceRequest) -> RawDetections:
        model = self._model
        if model is None:
            model, loading_s = self._load(request.deadline)
            request = request.postponed(loading_s)
        _check_requested(request.model, model.ref)
        try:
            return model.run(request)
        except BackendError as error:
            if self._is_closed:  # while the model was running
                raise BackendUnavailable(_CLOSED) from error
            raise

    def check_ready(self) -> ModelRef:
        model = self._model
        if model is not None:
            return model.ref
        if self._failure is not None:
            raise copy_error(self._failure, type(self._failure)) from self._failure
        raise BackendUnavailable("the model is loading; try again in a few seconds")

    def close(self) -> None:
        with self._lock:
            model, self._model = self._model, None
            self._failure = BackendUnavailable(_CLOSED)
            self._is_closed = True
            if model is not None:
                model.close()

    def _load(self, deadline: float | None) -> tuple[LoadedModel, float]:
        """Load the model, or wait for the thread that does; the next call retries after a failure.

        Returns the model and the time this thread spent loading it, s. The deadline ends the wait
        but not the loading, which serves the next call.
        """
        timeout_s = -1 if deadline is None else max(0.0, deadline - time.monotonic())
        if not self._lock.acquire(timeout=timeout_s):
            raise BackendTimeout("the model was still loading at the deadline")
        try:
            return self._load_once()
        except BackendUnavailable as error:
            self._failure = error
            raise
        except FacedetectError as error:
            self._failure = copy_error(error, BackendUnavailable)
            raise self._failure from error
        except Exception as error:
            self._failure = BackendUnavailable(f"{self._name} cannot be loaded: {error}")
            raise self._failure from error
        finally:
            self._lock.release()

    def _load_once(self) -> tuple[LoadedModel, float]:
        if self._is_closed:
            raise BackendUnavailable(_CLOSED)
        started = time.monotonic()
        if self._model is None:
            self._model = self._load_model()
        return self._model, time.monotonic() - started


def _check_requested(requested: ModelRef, loaded: ModelRef) -> None:
    wanted = requested.or_default(loaded)
    if wanted != loaded:
        raise ModelNotFound(
            f"this process runs {loaded}, not {wanted}; TensorFlow Serving serves several versions "
            "side by side"
        )
