"""The model in this process: a SavedModel run by TensorFlow itself."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facedetect.backends.base import ModelVersion, RawDetections
from facedetect.errors import (
    BackendProtocolError,
    BackendTimeout,
    BackendUnavailable,
    FacedetectError,
)
from facedetect.faces import DetectionParams
from facedetect.images import BGRImage

_SIGNATURE = "serving_default"
_INPUTS = ("input", "min_size", "thresholds", "factor")
_OUTPUTS = ("prob", "landmarks", "box")
_CLOSED = "the detector is closed; open a new one"


class EmbeddedBackend:
    """Runs one version of the SavedModel in `folder`, or the built-in model without a folder.

    The model is loaded, and the built-in one built if need be, by the first call that needs it.
    """

    def __init__(self, folder: Path | None = None, *, version: int | None = None) -> None:
        self._folder = folder
        self._version = version
        self._lock = threading.Lock()
        self._model: _LoadedModel | None = None
        self._failure: FacedetectError | None = None
        self._is_closed = False

    def predict(
        self, image: BGRImage, params: DetectionParams, *, deadline: float | None
    ) -> RawDetections:
        model = self._model or self._load(deadline)
        return model.run(image, params, deadline)

    def check_ready(self) -> ModelVersion:
        model = self._model
        if model is not None:
            return model.version
        raise self._failure or BackendUnavailable(
            "the model is being loaded; try again in some seconds"
        )

    def close(self) -> None:
        with self._lock:
            model, self._model = self._model, None
            self._failure = BackendUnavailable(_CLOSED)
            self._is_closed = True
            if model is not None:
                model.session.close()

    def _load(self, deadline: float | None) -> _LoadedModel:
        """Load the model, or wait while another thread does; a failed attempt may be repeated."""
        timeout_s = -1 if deadline is None else max(0.0, deadline - time.monotonic())
        if not self._lock.acquire(timeout=timeout_s):
            raise BackendTimeout("the model was still being loaded at the deadline")
        try:
            if self._is_closed:
                raise BackendUnavailable(_CLOSED)
            self._model = self._model or _load(self._folder, self._version)
        except FacedetectError as error:
            self._failure = error
            raise
        else:
            return self._model
        finally:
            self._lock.release()


@dataclass(frozen=True)
class _LoadedModel:
    """A TensorFlow session with the names of what to feed and what to fetch."""

    session: Any
    feeds: dict[str, str]
    fetches: dict[str, str]
    version: ModelVersion

    def run(
        self, image: BGRImage, params: DetectionParams, deadline: float | None
    ) -> RawDetections:
        import tensorflow as tf

        values = {
            "input": image.astype(np.float32),
            "min_size": params.min_size,
            "thresholds": params.thresholds,
            "factor": params.factor,
        }
        try:
            found = self.session.run(
                self.fetches,
                {self.feeds[key]: value for key, value in values.items()},
                options=_run_options(deadline),
            )
        except tf.errors.DeadlineExceededError as error:
            raise BackendTimeout("the model did not answer before the deadline") from error
        except (tf.errors.CancelledError, RuntimeError) as error:
            # What a session says that was closed in the meantime.
            raise BackendUnavailable(f"the model is closed: {error}") from error
        except tf.errors.OpError as error:
            raise BackendProtocolError(f"the model failed: {error.message}") from error
        return RawDetections(**found, model=self.version)


def _run_options(deadline: float | None) -> Any:
    import tensorflow as tf

    if deadline is None:
        return None
    left_ms = int((deadline - time.monotonic()) * 1000)
    if left_ms <= 0:
        raise BackendTimeout("the deadline had passed before the model could start")
    return tf.compat.v1.RunOptions(timeout_in_ms=left_ms)


def _load(folder: Path | None, version: int | None) -> _LoadedModel:
    from facedetect.model.builtin import builtin_model
    from facedetect.model.graph_files import version_folder

    place = version_folder(folder or builtin_model(), version)
    session, signature = _open_session(place)
    name = "mtcnn" if folder is None else place.parent.name
    return _LoadedModel(
        session,
        feeds={key: signature.inputs[key].name for key in _INPUTS},
        fetches={key: signature.outputs[key].name for key in _OUTPUTS},
        version=ModelVersion(name, place.name),
    )


def _open_session(place: Path) -> tuple[Any, Any]:
    import tensorflow as tf

    from facedetect.model.session import open_session

    session = open_session(tf.Graph())
    try:
        meta_graph = tf.compat.v1.saved_model.load(session, ["serve"], str(place))
        signature = meta_graph.signature_def[_SIGNATURE]
    except (OSError, RuntimeError, ValueError, tf.errors.OpError) as error:
        raise BackendUnavailable(f"{place} cannot be loaded: {error}") from error
    missing = [key for key in _INPUTS if key not in signature.inputs]
    missing += [key for key in _OUTPUTS if key not in signature.outputs]
    if missing:
        raise BackendProtocolError(
            f"{place}: the signature {_SIGNATURE} lacks {', '.join(missing)}; "
            "`facedetect convert` writes a model that has all"
        )
    return session, signature
