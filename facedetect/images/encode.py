"""A BGR image to an image file."""

from __future__ import annotations

import os
from pathlib import Path

import cv2

from facedetect.errors import ImageTooLarge, InvalidSettings
from facedetect.files import write_whole
from facedetect.images.pixels import BGRImage

ENCODED_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")

_QUALITY_FLAGS = {
    ".jpg": cv2.IMWRITE_JPEG_QUALITY,
    ".jpeg": cv2.IMWRITE_JPEG_QUALITY,
    ".webp": cv2.IMWRITE_WEBP_QUALITY,
}


def encode_image(image: BGRImage, suffix: str, *, quality: int | None = None) -> bytes:
    """Encode as the format that a file name's `suffix` (".png", ".jpg", ...) stands for.

    `quality`, 1 to 100, is for JPEG (95 by default) and WebP (lossless by default); the other
    formats lose nothing.
    Raises InvalidSettings if it is none of ENCODED_SUFFIXES, ImageTooLarge if the format has no
    room for so many pixels a side.
    """
    check_encoded_suffix(suffix)
    flag = _QUALITY_FLAGS.get(suffix.lower())
    options = [] if quality is None or flag is None else [flag, quality]
    try:
        is_encoded, encoded = cv2.imencode(suffix, image, options)
    except cv2.error:
        is_encoded = False
    if not is_encoded:
        raise no_room(image, suffix)
    return encoded.tobytes()


def no_room(image: BGRImage, suffix: str) -> ImageTooLarge:
    """The error for an image with more pixels a side than the format can say."""
    height, width = image.shape[:2]
    return ImageTooLarge(f"{width}x{height} pixels do not fit into {suffix}; write a .png")


def write_image(path: str | os.PathLike[str], image: BGRImage) -> None:
    """Write an image file in the format of its suffix, whole or not at all.

    Raises InvalidSettings for suffixes not in ENCODED_SUFFIXES, OSError if it cannot be written.
    """
    path = Path(path)
    write_whole(path, encode_image(image, path.suffix))


def check_encoded_suffix(suffix: str) -> None:
    """Raise InvalidSettings if images cannot be written with this file name's suffix."""
    if suffix.lower() not in ENCODED_SUFFIXES:
        raise InvalidSettings(
            f"images cannot be written as {suffix or 'a file without a suffix'}; "
            f"use {', '.join(ENCODED_SUFFIXES)}"
        )
