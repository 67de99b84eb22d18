"""Face detection around MTCNN: in process, over HTTP or from the command line."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from facedetect.errors import FacedetectError
from facedetect.faces import Box, Detection, DetectionParams, Face, Landmarks, Point

if TYPE_CHECKING:
    from facedetect.client import AsyncClient, Client
    from facedetect.crops import align, crop
    from facedetect.detector import Detector
    from facedetect.images import ImageLimits, load_image, write_image
    from facedetect.render import annotate
else:
    # Loaded when they are asked for: a client needs neither OpenCV nor numpy, a Detector no httpx2.
    _PLACES = {
        "AsyncClient": "client",
        "Client": "client",
        "Detector": "detector",
        "ImageLimits": "images",
        "align": "crops",
        "annotate": "render",
        "crop": "crops",
        "load_image": "images",
        "write_image": "images",
    }

    def __getattr__(name: str) -> object:
        if name not in _PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
        return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)


__all__ = [
    "AsyncClient",
    "Box",
    "Client",
    "Detection",
    "DetectionParams",
    "Detector",
    "Face",
    "FacedetectError",
    "ImageLimits",
    "Landmarks",
    "Point",
    "align",
    "annotate",
    "crop",
    "load_image",
    "write_image",
]
__version__ = "0.1.0"
