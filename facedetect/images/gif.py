"""The blocks of a GIF file."""

from __future__ import annotations

from facedetect.images.limits import ImageLimits
from facedetect.images.slim import Pieces, Slim, check_frame_count, ends_too_early

_SCREEN_BYTES = 13
_FRAME_BYTES = 10
_TRAILER, _EXTENSION, _FRAME = b";", b"!", b","
_GRAPHIC_CONTROL = b"\xf9"


def slim_gif(data: bytes, limits: ImageLimits) -> Slim:
    """Keep the screen and the first frame, with what says which of its colours is transparent.

    Raises ImageTooLarge for an animation, InvalidImage for a first frame that ends too early. A
    file without its last byte, the trailer, has all its pixels and is taken.
    """
    pieces = Pieces(data)
    at = _SCREEN_BYTES + _palette_bytes(data, _SCREEN_BYTES - 3)
    kept, control, frames = [data[:at]], b"", 0
    while (kind := data[at : at + 1]) in {_EXTENSION, _FRAME}:
        pieces.count()
        start = at
        if kind == _EXTENSION:
            at = _end_of_blocks(data, at + 2, pieces)
            control = data[start:at] if data[start + 1 : start + 2] == _GRAPHIC_CONTROL else control
            continue
        frames += 1
        check_frame_count("GIF", frames, limits)
        at += _FRAME_BYTES + _palette_bytes(data, at + _FRAME_BYTES - 1) + 1
        at = _end_of_blocks(data, at, pieces, whole=frames == 1)
        if frames == 1:
            kept += [control, data[start:at]]
    if not frames:
        raise ends_too_early()
    return Slim(b"".join([*kept, _TRAILER]))


def _palette_bytes(data: bytes, at: int) -> int:
    """The length of the colour table that the flags at `at` announce."""
    flags = int.from_bytes(data[at : at + 1])
    return 3 * 2 ** (flags % 8 + 1) if flags & 0x80 else 0


def _end_of_blocks(data: bytes, at: int, pieces: Pieces, *, whole: bool = False) -> int:
    """Where a row of blocks ends, each with its length before it, the last one empty."""
    while length := int.from_bytes(data[at : at + 1]):
        pieces.count()
        at += 1 + length
    if whole and at >= len(data):
        raise ends_too_early()
    return at + 1
