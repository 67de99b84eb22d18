"""Where the model runs. `open_backend` picks one by its URL."""

from facedetect.backends.base import Backend, ModelVersion, RawDetections
from facedetect.backends.open import open_backend

__all__ = ["Backend", "ModelVersion", "RawDetections", "open_backend"]
