"""Encode a BGR image as an image file."""

from __future__ import annotations

import io
import os
from pathlib import Path

import cv2
from PIL import Image

from facedetect.errors import ImageTooLarge, InvalidSettings
from facedetect.files import write_atomically
from facedetect.images.pixels import BGRImage

WEBP_LONGEST_SIDE = 16383

ENCODED_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")

# No loss is visible; lossless takes four times the time and memory of PNG. OpenCV's encoder cannot
# be told to take half the time for 10 % more bytes.
WEBP_OPTIONS = {"quality": 90, "method": 2}

_QUALITY_FLAGS = {
    ".jpg": cv2.IMWRITE_JPEG_QUALITY,
    ".jpeg": cv2.IMWRITE_JPEG_QUALITY,
}


def encode_image(image: BGRImage, suffix: str, *, quality: int | None = None) -> bytes:
    """Encode an image in the format of a file name's `suffix` (".png", ".jpg", ...).

    `quality`, 1 to 100, is for JPEG (95 by default) and WebP (90 by default); the other formats are
    lossless.
    Raises InvalidSettings if `suffix` is not in ENCODED_SUFFIXES, ImageTooLarge if a side has more
    pixels than the format allows.
    """
    check_encoded_suffix(suffix)
    if suffix.lower() == ".webp":
        return _encode_webp(image, WEBP_OPTIONS | ({"quality": quality} if quality else {}))
    flag = _QUALITY_FLAGS.get(suffix.lower())
    options = [] if quality is None or flag is None else [flag, quality]
    try:
        is_encoded, encoded = cv2.imencode(suffix, image, options)
    except cv2.error as error:
        if error.code == cv2.Error.STS_NO_MEM:
            raise MemoryError from error
        is_encoded = False
    if not is_encoded:
        raise side_too_long_error(image, suffix)
    return encoded.tobytes()


def _encode_webp(image: BGRImage, options: dict[str, int]) -> bytes:
    if max(image.shape[:2]) > WEBP_LONGEST_SIDE:
        raise side_too_long_error(image, ".webp")
    buffer = io.BytesIO()
    Image.fromarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)).save(buffer, "WEBP", **options)
    return buffer.getvalue()


def side_too_long_error(image: BGRImage, suffix: str) -> ImageTooLarge:
    """The error for an image with more pixels a side than its format allows."""
    height, width = image.shape[:2]
    return ImageTooLarge(f"{width}x{height} pixels are too large for {suffix}; write a .png")


def write_image(path: str | os.PathLike[str], image: BGRImage) -> None:
    """Write an image file in the format of its suffix, atomically.

    Raises InvalidSettings for suffixes not in ENCODED_SUFFIXES, ImageTooLarge as `encode_image`
    does, OSError if the file cannot be written.
    """
    path = Path(path)
    write_atomically(path, encode_image(image, path.suffix))


def check_encoded_suffix(suffix: str) -> None:
    """Raise InvalidSettings if images cannot be written with this suffix of a file name."""
    if suffix.lower() not in ENCODED_SUFFIXES:
        raise InvalidSettings(
            f"images cannot be written as {suffix or 'a file without a suffix'}; "
            f"use {', '.join(ENCODED_SUFFIXES)}"
        )
