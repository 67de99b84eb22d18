"""The header of a WebP file."""

from __future__ import annotations

from facedetect.images.limits import ImageLimits
from facedetect.images.slim import Slim, ends_too_early

_HEAD_BYTES = 8


def slim_webp(data: bytes, _: ImageLimits) -> Slim:
    """Cut what stands behind the file's end; raises InvalidImage if the end is missing."""
    end = _HEAD_BYTES + int.from_bytes(data[4:_HEAD_BYTES], "little")
    if end > len(data):
        raise ends_too_early()
    return Slim(data[:end])
