"""Encode a BGR image as an image file."""

from __future__ import annotations

import os
from pathlib import Path

import cv2

from facedetect.errors import ImageTooLarge, InvalidSettings
from facedetect.files import write_atomically
from facedetect.images.pixels import BGRImage

ENCODED_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")

# No loss is visible; lossless takes four times the time and memory of PNG.
_WEBP_QUALITY = 90

_QUALITY_FLAGS = {
    ".jpg": cv2.IMWRITE_JPEG_QUALITY,
    ".jpeg": cv2.IMWRITE_JPEG_QUALITY,
    ".webp": cv2.IMWRITE_WEBP_QUALITY,
}


def encode_image(image: BGRImage, suffix: str, *, quality: int | None = None) -> bytes:
    """Encode an image in the format of a file name's `suffix` (".png", ".jpg", ...).

    `quality`, 1 to 100, is for JPEG (95 by default) and WebP (90 by default); the other formats are
    lossless.
    Raises InvalidSettings if `suffix` is not in ENCODED_SUFFIXES, ImageTooLarge if a side has more
    pixels than the format allows.
    """
    check_encoded_suffix(suffix)
    flag = _QUALITY_FLAGS.get(suffix.lower())
    if flag == cv2.IMWRITE_WEBP_QUALITY:
        quality = quality or _WEBP_QUALITY
    options = [] if quality is None or flag is None else [flag, quality]
    try:
        is_encoded, encoded = cv2.imencode(suffix, image, options)
    except cv2.error:
        is_encoded = False
    if not is_encoded:
        raise side_too_long_error(image, suffix)
    return encoded.tobytes()


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
