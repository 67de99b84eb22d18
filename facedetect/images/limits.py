"""What is refused before it is decoded."""

from __future__ import annotations

from dataclasses import dataclass

from facedetect.errors import ImageTooLarge

DEFAULT_MAX_IMAGE_PIXELS = 50_000_000


@dataclass(frozen=True)
class ImageLimits:
    """What is refused before it is decoded.

    `max_bytes` of the file, `max_pixels` of its width times height, `max_frames` of an animation
    or a file of several pages, of which the first is taken.
    """

    max_bytes: int = 32 * 2**20
    max_pixels: int = DEFAULT_MAX_IMAGE_PIXELS
    max_frames: int = 1


def check_byte_count(count: int, limits: ImageLimits) -> None:
    """Raise ImageTooLarge if an image file of `count` bytes is not taken."""
    if count > limits.max_bytes:
        raise ImageTooLarge(
            f"the image has more than the {limits.max_bytes} bytes allowed; "
            "send a smaller one, or compress it more"
        )


def check_pixel_count(width: int, height: int, limits: ImageLimits) -> None:
    """Raise ImageTooLarge if an image of that size is not taken."""
    if width * height > limits.max_pixels:
        raise ImageTooLarge(
            f"the image has {width}x{height} = {width * height} pixels, more than the "
            f"{limits.max_pixels} allowed; scale it down"
        )
