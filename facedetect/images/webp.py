"""The chunks of a WebP file."""

from __future__ import annotations

from facedetect.images.limits import ImageLimits, PieceCounter
from facedetect.images.stripped_file import StrippedFile, truncated_error

_RIFF_HEADER_BYTES = 8
_CHUNKS_OFFSET = 12
_LOSSLESS = b"VP8L"


def strip_webp(data: bytes, _: ImageLimits) -> StrippedFile:
    """Cut off what follows the end of the file; raises InvalidImage if the end is missing."""
    end = _RIFF_HEADER_BYTES + int.from_bytes(data[4:_RIFF_HEADER_BYTES], "little")
    if end > len(data):
        raise truncated_error()
    stripped = StrippedFile(data)
    stripped.keep(0, end)
    return stripped


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
