"""The chunks of a WebP file (RFC 9649)."""

from __future__ import annotations

from collections.abc import Iterator

from PIL import Image

from facedetect.errors import InvalidImage

_CHUNKS_OFFSET = 12
_CHUNK_HEAD_BYTES = 8
_EXTENDED, _LOSSY, _LOSSLESS = b"VP8X", b"VP8 ", b"VP8L"
_EXIF, _FRAME = b"EXIF", b"ANMF"


class WebPHeader(Image.Image):
    """A WebP file's size, EXIF data and frame count, without its pixels.

    Pillow's own plugin allocates memory for the pixels, twice, as soon as it opens a file.
    """

    def __init__(self, data: bytes) -> None:
        """Raises InvalidImage if the size is missing."""
        super().__init__()
        chunks = list(_chunks(data))
        self._mode = "RGBA"
        self._size = _size(data, *chunks[0]) if chunks else (0, 0)
        if 0 in self._size:
            raise InvalidImage("the WebP file is damaged; send the original, complete file")
        self.n_frames = max(1, sum(kind == _FRAME for kind, _, _ in chunks))
        for kind, start, end in chunks:
            if kind == _EXIF:
                self.info["exif"] = data[start:end]


def is_lossless_webp(data: bytes) -> bool:
    """Return whether the file is lossless."""
    return any(kind == _LOSSLESS for kind, _, _ in _chunks(data))


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield each chunk's kind, and the start and end of its contents."""
    at = _CHUNKS_OFFSET
    while at + _CHUNK_HEAD_BYTES <= len(data):
        start = at + _CHUNK_HEAD_BYTES
        end = start + int.from_bytes(data[at + 4 : start], "little")
        yield data[at : at + 4], start, end
        at = end + end % 2


def _size(data: bytes, kind: bytes, start: int, end: int) -> tuple[int, int]:
    """Read width and height from the first chunk; zeros if it has none."""
    content = data[start : min(end, start + 10)]
    if kind == _EXTENDED:
        return _number(content[4:7], 24) + 1, _number(content[7:10], 24) + 1
    if kind == _LOSSY:  # frame header: 3 bytes, 3 bytes of signature, the sides
        return _number(content[6:8], 14), _number(content[8:10], 14)
    if kind == _LOSSLESS:  # a signature byte, then 14 bits per side
        sides = _number(content[1:5], 28)
        return (sides & 0x3FFF) + 1, (sides >> 14) + 1
    return 0, 0


def _number(content: bytes, bits: int) -> int:
    return int.from_bytes(content, "little") & ((1 << bits) - 1)
