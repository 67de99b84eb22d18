"""Encode a BGR image as an image file."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from facedetect.errors import ImageTooLarge, InvalidSettings
from facedetect.files import write_atomically
from facedetect.images.colour import converter_to_srgb
from facedetect.images.pixels import BGRImage

JPEG_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".pjpeg", ".mpo")
ENCODED_SUFFIXES = (".png", *JPEG_SUFFIXES, ".webp", ".bmp", ".tif", ".tiff")

WEBP_LONGEST_SIDE = 16383
# Visually lossless. Lossless WebP takes many times the time and memory of PNG, and OpenCV's
# encoder takes nearly twice as long as Pillow's with this method.
WEBP_OPTIONS = {"quality": 90, "method": 2}

# The formats for which OpenCV writes the colour profile.
_WITH_PROFILE = (".png", ".jpg")


def encode_image(
    image: BGRImage, suffix: str, *, quality: int | None = None, icc_profile: bytes = b""
) -> bytes:
    """Encode an image in the format of a file name's `suffix` (".png", ".jpg", ...).

    `quality`, 1 to 100, is for JPEG (95 by default) and WebP (90 by default); the other formats are
    lossless. JPEG, PNG and WebP keep the image's `icc_profile`; for other formats the pixels are
    converted to sRGB. A profile that is not for RGB is ignored.
    Raises InvalidSettings if `suffix` is not in ENCODED_SUFFIXES, ImageTooLarge if a side is longer
    than the format allows.
    """
    check_encoded_suffix(suffix)
    kind = ".jpg" if suffix.lower() in JPEG_SUFFIXES else suffix.lower()
    to_srgb = converter_to_srgb(icc_profile, "RGB")
    if kind == ".webp":
        return _encode_webp(image, quality, icc_profile if to_srgb else b"")
    is_jpeg_quality = kind == ".jpg" and quality is not None
    options = [cv2.IMWRITE_JPEG_QUALITY, quality or 0] if is_jpeg_quality else []
    encoded = None
    if to_srgb:
        if kind in _WITH_PROFILE:
            encoded = _encode(image, kind, options, icc_profile)
        if encoded is None:
            image = _converted(image, to_srgb)
    encoded = encoded or _encode(image, kind, options)
    if encoded is None:
        raise side_too_long_error(image, suffix)
    return encoded


def _encode(
    image: BGRImage, kind: str, options: list[int], icc_profile: bytes = b""
) -> bytes | None:
    """Encode with OpenCV; None if a side is too long or libpng rejects the profile."""
    types = [cv2.IMAGE_METADATA_ICCP] if icc_profile else []
    metadata = [np.frombuffer(icc_profile, np.uint8)] if icc_profile else []
    try:
        is_encoded, encoded = cv2.imencodeWithMetadata(kind, image, types, metadata, options)
    except cv2.error as error:
        if error.code == cv2.Error.STS_NO_MEM:
            raise MemoryError from error
        return None
    return encoded.tobytes() if is_encoded else None


def _encode_webp(image: BGRImage, quality: int | None, icc_profile: bytes) -> bytes:
    if max(image.shape[:2]) > WEBP_LONGEST_SIDE:
        raise side_too_long_error(image, ".webp")
    options = WEBP_OPTIONS | ({"quality": quality} if quality else {})
    buffer = io.BytesIO()
    rgb = Image.fromarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
    rgb.save(buffer, "WEBP", icc_profile=icc_profile, **options)
    return buffer.getvalue()


def _converted(image: BGRImage, convert: Callable[[Image.Image], Image.Image]) -> BGRImage:
    rgb = convert(Image.fromarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)))
    return np.asarray(cv2.cvtColor(np.asarray(rgb), cv2.COLOR_RGB2BGR), np.uint8)


def side_too_long_error(image: BGRImage, suffix: str) -> ImageTooLarge:
    """Return the error for an image with a side longer than its format allows."""
    height, width = image.shape[:2]
    return ImageTooLarge(f"{width}x{height} pixels are too large for {suffix}; use .png")


def write_image(path: str | os.PathLike[str], image: BGRImage, *, icc_profile: bytes = b"") -> None:
    """Write an image file in the format of its suffix, atomically.

    `icc_profile` is the image's, see `encode_image`. Raises InvalidSettings for suffixes not in
    ENCODED_SUFFIXES, ImageTooLarge as `encode_image` does, OSError if the file cannot be written.
    """
    path = Path(path)
    write_atomically(path, encode_image(image, path.suffix, icc_profile=icc_profile))


def check_encoded_suffix(suffix: str) -> None:
    """Raise InvalidSettings if images cannot be written with this file name suffix."""
    if suffix.lower() not in ENCODED_SUFFIXES:
        raise InvalidSettings(
            f"images cannot be written as {suffix or 'a file without a suffix'}; "
            f"use {', '.join(ENCODED_SUFFIXES)}"
        )
