"""The built-in SavedModel, for model servers: built from the package's weights, then cached."""

from __future__ import annotations

import hashlib
import logging
import tempfile
from contextlib import suppress
from pathlib import Path

import tensorflow as tf
from platformdirs import user_cache_path

from facedetect import mtcnn
from facedetect.errors import BackendUnavailable, OutputExists
from facedetect.model.convert import convert
from facedetect.model.freeze import freeze
from facedetect.model.graph_files import model_versions
from facedetect.mtcnn.weights import default_weights_path

logger = logging.getLogger(__name__)


def builtin_model(cache: Path | None = None) -> Path:
    """Return the folder of the built-in SavedModel; the first call builds it within seconds.

    `cache` is by default the user's cache folder. Safe to call from several processes. Raises
    BackendUnavailable if the folder cannot be written.
    """
    cache = cache or user_cache_path("facedetect")
    folder = cache / f"mtcnn-{_fingerprint()}"
    if model_versions(folder):
        return folder
    logger.warning("building the face detection model in %s (once; takes a few seconds)", folder)
    try:
        _build(folder)
    except OSError as error:
        raise BackendUnavailable(
            f"the model cannot be built in {cache}: {error.strerror}; make that folder writable, "
            "or build a model with `facedetect freeze` and `facedetect convert` and pass its folder"
        ) from error
    return folder


def _build(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        frozen = Path(scratch) / "mtcnn.pb"
        freeze(frozen)
        with suppress(OutputExists):  # another process has built it in the meantime
            convert(frozen, folder)


def _fingerprint() -> str:
    """Hash everything that defines the model: weights, code and TensorFlow's version."""
    digest = hashlib.sha256(tf.__version__.encode())
    code = [*Path(__file__).parent.glob("*.py"), *Path(mtcnn.__file__).parent.glob("*.py")]
    for path in [default_weights_path(), *sorted(code)]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
