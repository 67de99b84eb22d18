"""Limits that are checked before an image is decoded."""

from __future__ import annotations

from dataclasses import dataclass

from facedetect.errors import ImageTooLarge, InvalidImage

DEFAULT_MAX_IMAGE_PIXELS = 50_000_000

_MIN_PIECE_LIMIT = 1000
_MIN_MEAN_PIECE_BYTES = 64


@dataclass(frozen=True)
class ImageLimits:
    """Limits that are checked before an image is decoded.

    `max_bytes` of the file, `max_pixels` (width times height), `max_frames` of an animation or
    pages of a document, of which only the first is decoded.
    """

    max_bytes: int = 32 * 2**20
    max_pixels: int = DEFAULT_MAX_IMAGE_PIXELS
    max_frames: int = 1


class PieceCounter:
    """Limits how many chunks, blocks, segments or boxes a file may consist of.

    Each one is parsed in Python, which takes time. Real files have far fewer than are allowed.
    """

    def __init__(self, data: bytes) -> None:
        self._left = _MIN_PIECE_LIMIT + len(data) // _MIN_MEAN_PIECE_BYTES

    def count(self) -> None:
        """Count one more; raises InvalidImage if there are too many."""
        self._left -= 1
        if self._left < 0:
            raise InvalidImage(
                "the image file has too many tiny pieces; save it again with another program"
            )


def check_byte_count(count: int, limits: ImageLimits) -> None:
    """Raise ImageTooLarge if a file of `count` bytes is over the limit."""
    if count > limits.max_bytes:
        raise ImageTooLarge(
            f"the image has more than the {limits.max_bytes} bytes allowed; "
            "send a smaller one, or compress it more"
        )


def check_pixel_count(width: int, height: int, limits: ImageLimits) -> None:
    """Raise ImageTooLarge if an image of this size is over the limit."""
    if width * height > limits.max_pixels:
        raise ImageTooLarge(
            f"the image has {width}x{height} = {width * height} pixels, more than the "
            f"{limits.max_pixels} allowed; scale it down"
        )


def check_frame_count(format_name: str, count: int, limits: ImageLimits) -> None:
    """Raise ImageTooLarge if a file of so many frames or pages is over the limit."""
    if count > limits.max_frames:
        raise ImageTooLarge(
            f"the {format_name} file has more frames or pages than the {limits.max_frames} "
            "allowed; send a single picture"
        )
