"""The chunks of a WebP file."""

from __future__ import annotations

from facedetect.images.limits import ImageLimits, PieceCounter
from facedetect.images.stripped_file import StrippedFile

_CHUNKS_OFFSET = 12
_LOSSLESS = b"VP8L"


def strip_webp(data: bytes, _: ImageLimits) -> StrippedFile:
    """Strip nothing: the decoder refuses truncated files and ignores what follows the end."""
    return StrippedFile.whole(data)


def is_lossless_webp(data: bytes) -> bool:
    """Whether the pixels are stored without loss."""
    pieces, at = PieceCounter(data), _CHUNKS_OFFSET
    while at < len(data):
        pieces.count()
        if data[at : at + 4] == _LOSSLESS:
            return True
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + length + length % 2
    return False
