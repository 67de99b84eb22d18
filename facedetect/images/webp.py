"""The chunks of a WebP file."""

from __future__ import annotations

_CHUNKS_OFFSET = 12
_LOSSLESS = b"VP8L"


def is_lossless_webp(data: bytes) -> bool:
    """Whether the pixels are stored without loss."""
    at = _CHUNKS_OFFSET
    while at < len(data):
        if data[at : at + 4] == _LOSSLESS:
            return True
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + length + length % 2
    return False
