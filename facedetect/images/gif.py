"""The blocks of a GIF file."""

from __future__ import annotations

from facedetect.images.limits import ImageLimits, PieceCounter, check_frame_count
from facedetect.images.stripped_file import StrippedFile, truncated_error

_SCREEN_BYTES = 13
_FRAME_BYTES = 10
_EXTENSION, _FRAME = b"!", b","
_GRAPHIC_CONTROL = b"\xf9"


def strip_gif(data: bytes, limits: ImageLimits) -> StrippedFile:
    """Keep the screen and the first frame, with the block that names its transparent colour.

    Raises ImageTooLarge for an animation, InvalidImage for a first frame that ends too early. The
    trailer, a file's last byte, may be missing: all pixels are there.
    """
    pieces = PieceCounter(data)
    at = _SCREEN_BYTES + _palette_bytes(data, _SCREEN_BYTES - 3)
    stripped = StrippedFile(data)
    stripped.keep(0, at)
    control, frames = (at, at), 0
    while (kind := data[at : at + 1]) in {_EXTENSION, _FRAME}:
        pieces.count()
        start = at
        if kind == _EXTENSION:
            at = _end_of_blocks(data, at + 2, pieces)
            control = (start, at) if data.startswith(_GRAPHIC_CONTROL, start + 1) else control
            continue
        frames += 1
        check_frame_count("GIF", frames, limits)
        at += _FRAME_BYTES + _palette_bytes(data, at + _FRAME_BYTES - 1) + 1
        at = _end_of_blocks(data, at, pieces, must_be_complete=frames == 1)
        if frames == 1:
            stripped.keep(*control)
            stripped.keep(start, at)
    if not frames:
        raise truncated_error()
    return stripped


def _palette_bytes(data: bytes, at: int) -> int:
    """The length of the colour table that the flags at `at` announce."""
    flags = int.from_bytes(data[at : at + 1])
    return 3 * 2 ** (flags % 8 + 1) if flags & 0x80 else 0


def _end_of_blocks(
    data: bytes, at: int, pieces: PieceCounter, *, must_be_complete: bool = False
) -> int:
    """The end of a sequence of blocks, each preceded by its length, the last one empty."""
    while length := int.from_bytes(data[at : at + 1]):
        pieces.count()
        at += 1 + length
    if must_be_complete and at >= len(data):
        raise truncated_error()
    return at + 1
