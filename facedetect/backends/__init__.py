"""Where the model runs. `open_backend` picks one by its URL."""

from facedetect.backends.base import Backend, ModelChoice, ModelVersion, RawDetections
from facedetect.backends.open import open_backend

__all__ = ["Backend", "ModelChoice", "ModelVersion", "RawDetections", "open_backend"]
