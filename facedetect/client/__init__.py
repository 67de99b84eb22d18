"""A client for the HTTP service: typed results, the package's errors, retries with a deadline.

`Client` runs an `AsyncClient` in a background thread.
"""

from facedetect.client.async_client import AsyncClient
from facedetect.client.call_options import AnnotationFormat
from facedetect.client.response_parsing import ServiceVersion
from facedetect.client.retries import Retries
from facedetect.client.sendable_image import SendableImage
from facedetect.client.sync_client import Client
from facedetect.faces import ImageResult
from facedetect.styles import AnnotationStyle

__all__ = [
    "AnnotationFormat",
    "AnnotationStyle",
    "AsyncClient",
    "Client",
    "ImageResult",
    "Retries",
    "SendableImage",
    "ServiceVersion",
]
