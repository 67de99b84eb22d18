"""The header of a WebP file."""

from __future__ import annotations

from facedetect.images.limits import ImageLimits
from facedetect.images.slim import Pieces, Slim, ends_too_early

_HEAD_BYTES = 8
_CHUNKS_AT = 12
_LOSSLESS = b"VP8L"


def slim_webp(data: bytes, _: ImageLimits) -> Slim:
    """Cut what stands behind the file's end; raises InvalidImage if the end is missing."""
    end = _HEAD_BYTES + int.from_bytes(data[4:_HEAD_BYTES], "little")
    if end > len(data):
        raise ends_too_early()
    return Slim(data[:end])


def is_lossless_webp(data: bytes) -> bool:
    """Whether the pixels are stored as they are."""
    pieces, at = Pieces(data), _CHUNKS_AT
    while at < len(data):
        pieces.count()
        if data[at : at + 4] == _LOSSLESS:
            return True
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + length + length % 2
    return False
