"""Limits checked before an image is decoded."""

from __future__ import annotations

from dataclasses import dataclass

from facedetect.errors import ImageTooLarge, InvalidImage

DEFAULT_MAX_IMAGE_PIXELS = 8192 * 8192


@dataclass(frozen=True)
class ImageLimits:
    """Limits checked before an image is decoded.

    `max_bytes` of the file, `max_pixels` (width times height), `max_frames` of an animation or
    pages of a document; only the first is decoded.
    """

    max_bytes: int = 2**30
    max_pixels: int = DEFAULT_MAX_IMAGE_PIXELS
    max_frames: int = 1


def check_byte_count(count: int, limits: ImageLimits) -> None:
    """Raise ImageTooLarge if a file of `count` bytes is over the limit."""
    if count > limits.max_bytes:
        raise ImageTooLarge(
            f"the image has more than the {limits.max_bytes} bytes allowed; send a smaller image, "
            "compress it more, or raise FACEDETECT_MAX_IMAGE_BYTES "
            "(ImageLimits.max_bytes in Python)"
        )


def check_pixel_count(width: int, height: int, limits: ImageLimits) -> None:
    """Raise ImageTooLarge if an image of this size is over the limit."""
    if width * height > limits.max_pixels:
        raise ImageTooLarge(
            f"the image has {width}x{height} = {width * height} pixels, more than the "
            f"{limits.max_pixels} allowed; scale it down, or raise FACEDETECT_MAX_IMAGE_PIXELS "
            "(ImageLimits.max_pixels in Python)"
        )


def check_frame_count(format_name: str, count: int, limits: ImageLimits) -> None:
    """Raise ImageTooLarge if a file of `count` frames or pages is over the limit."""
    if count > limits.max_frames:
        raise ImageTooLarge(
            f"the {format_name} file has more frames or pages than the {limits.max_frames} "
            "allowed; send a single picture, or raise FACEDETECT_MAX_FRAMES "
            "(ImageLimits.max_frames in Python)"
        )


def truncated_error() -> InvalidImage:
    """Return the error for a truncated file."""
    return InvalidImage("the image file is truncated; send the original, complete file")
