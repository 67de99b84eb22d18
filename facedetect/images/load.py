"""Load an upright BGR image from whatever holds it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facedetect.errors import InvalidImage
from facedetect.images.limits import ImageLimits, check_byte_count, check_pixel_count
from facedetect.images.pixels import BGRImage, array_to_bgr, pillow_to_bgr
from facedetect.images.source_image import SourceImage, decoding_errors

Bytes = bytes | bytearray | memoryview
ImageFile = str | os.PathLike[str] | Bytes
"""A path, or the file's bytes."""

ImageInput = ImageFile | NDArray[np.uint8] | Image.Image
"""A path, an image file's bytes, a BGR, BGRA or grey array, or a Pillow image."""


def load_image(source: ImageInput, limits: ImageLimits | None = None) -> BGRImage:
    """Return any image as an upright BGR image.

    The limits do not apply to arrays, which are decoded already.
    Raises InvalidImage, UnsupportedImage or ImageTooLarge.
    """
    limits = limits or ImageLimits()
    if isinstance(source, np.ndarray):
        return array_to_bgr(source)
    if isinstance(source, Image.Image):
        check_pixel_count(*source.size, limits)
        with decoding_errors():
            return pillow_to_bgr(source)
    return decode_image(file_bytes(source, limits), limits)


def file_bytes(source: ImageFile, limits: ImageLimits) -> bytes:
    """Return an image file's bytes; raises InvalidImage or ImageTooLarge."""
    if isinstance(source, Bytes):
        return bytes(source)
    return read_image_file(Path(source), limits)


def decode_image(data: bytes, limits: ImageLimits) -> BGRImage:
    """Decode an image file's bytes, see `SourceImage.decode`.

    Raises InvalidImage, UnsupportedImage or ImageTooLarge.
    """
    return SourceImage.open(data, limits).decode()


def read_image_file(path: Path, limits: ImageLimits) -> bytes:
    """Read a regular file of at most `limits.max_bytes`; raises InvalidImage, ImageTooLarge."""
    try:
        if not path.is_file():
            what = "is not a file" if path.exists() else "does not exist"
            raise InvalidImage(f"{path} {what}")
        check_byte_count(path.stat().st_size, limits)
        return path.read_bytes()
    except OSError as error:
        raise InvalidImage(f"{path} cannot be read: {error.strerror}") from error
