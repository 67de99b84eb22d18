"""The header of a BMP file."""

from __future__ import annotations

from facedetect.errors import UnsupportedImage
from facedetect.images.limits import ImageLimits
from facedetect.images.stripped_file import StrippedFile

_COMPRESSION = slice(30, 34)
_RUN_LENGTH_ENCODINGS = (1, 2)


def strip_bmp(data: bytes, _: ImageLimits) -> StrippedFile:
    """Strip nothing; raises UnsupportedImage for run-length encoding.

    Pillow decodes that in Python: a file at the byte limit would take half a minute.
    """
    if int.from_bytes(data[_COMPRESSION], "little") in _RUN_LENGTH_ENCODINGS:
        raise UnsupportedImage(
            "run-length encoded BMP files are not supported; save it uncompressed, or as PNG"
        )
    return StrippedFile.whole(data)
