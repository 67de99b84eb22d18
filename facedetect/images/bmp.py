"""The header of a BMP file."""

from __future__ import annotations

from facedetect.errors import UnsupportedImage
from facedetect.images.limits import ImageLimits
from facedetect.images.slim import Slim

_COMPRESSION = slice(30, 34)
_RUN_LENGTHS = (1, 2)


def slim_bmp(data: bytes, _: ImageLimits) -> Slim:
    """Refuse run-length encoding, of which a full file would take Pillow half a minute."""
    if int.from_bytes(data[_COMPRESSION], "little") in _RUN_LENGTHS:
        raise UnsupportedImage("the BMP file is run-length encoded; save it as PNG")
    return Slim(data)
