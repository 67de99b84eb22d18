"""Face detection around MTCNN: in process, over HTTP or from the command line."""

from facedetect.detector import Detection, Detector
from facedetect.errors import FacedetectError
from facedetect.faces import Box, DetectionParams, Face, Landmarks, Point
from facedetect.images import ImageLimits, load_image, write_image
from facedetect.render import annotate

__all__ = [
    "Box",
    "Detection",
    "DetectionParams",
    "Detector",
    "Face",
    "FacedetectError",
    "ImageLimits",
    "Landmarks",
    "Point",
    "annotate",
    "load_image",
    "write_image",
]
__version__ = "0.1.0"
