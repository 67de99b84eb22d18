"""Where the model runs. `open_backend` picks one by its URL."""

from facedetect.backends.base import Backend, ModelChoice, RawDetections
from facedetect.backends.open import open_backend
from facedetect.faces import ModelVersion

__all__ = ["Backend", "ModelChoice", "ModelVersion", "RawDetections", "open_backend"]
