"""A client of the HTTP service: typed answers, the package's own errors, retries within a deadline.

`calls` and `answers` say what is asked and what it means, `talk` what happens in between, as a
generator that does no input or output; `sync_client` and `async_client` do what it asks for.
"""

from facedetect.client.async_client import AsyncClient
from facedetect.client.calls import Format, ServiceVersion, Style
from facedetect.client.retries import Retries
from facedetect.client.sources import BatchResult, SendableImage
from facedetect.client.sync_client import Client

__all__ = [
    "AsyncClient",
    "BatchResult",
    "Client",
    "Format",
    "Retries",
    "SendableImage",
    "ServiceVersion",
    "Style",
]
