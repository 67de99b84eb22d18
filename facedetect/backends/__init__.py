"""Backends, which run the model; `open_backend` selects one by its URL."""

from facedetect.backends.base import Backend, InferenceRequest, RawDetections
from facedetect.backends.open import open_backend
from facedetect.backends.spec import BackendSpec

__all__ = ["Backend", "BackendSpec", "InferenceRequest", "RawDetections", "open_backend"]
