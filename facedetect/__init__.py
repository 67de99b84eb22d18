"""Face detection with MTCNN: in-process, over HTTP or from the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facedetect.detection_params import DetectionParams
from facedetect.errors import FacedetectError
from facedetect.faces import Box, Detection, Face, ImageResult, Landmarks, Point
from facedetect.lazy_attributes import lazy_attributes
from facedetect.presets import detection_params

if TYPE_CHECKING:
    from facedetect.client import AsyncClient, Client
    from facedetect.crops import align, crop
    from facedetect.detector import Detector
    from facedetect.exports import to_dataframe, to_supervision
    from facedetect.hiding import Mask, hide, read_mask_image
    from facedetect.images import ImageLimits, load_image, write_image
    from facedetect.render import annotate
else:
    # Loaded on first use: a client needs neither OpenCV nor NumPy, a Detector does not need httpx2.
    __getattr__ = lazy_attributes(
        __name__,
        {
            "AsyncClient": "client",
            "Client": "client",
            "Detector": "detector",
            "ImageLimits": "images",
            "Mask": "hiding",
            "align": "crops",
            "annotate": "render",
            "crop": "crops",
            "hide": "hiding",
            "load_image": "images",
            "read_mask_image": "hiding",
            "to_dataframe": "exports",
            "to_supervision": "exports",
            "write_image": "images",
        },
    )


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
    "ImageResult",
    "Landmarks",
    "Mask",
    "Point",
    "align",
    "annotate",
    "crop",
    "detection_params",
    "hide",
    "load_image",
    "read_mask_image",
    "to_dataframe",
    "to_supervision",
    "write_image",
]
__version__ = "0.2.0"
