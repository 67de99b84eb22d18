"""Load an upright BGR image from any kind of source."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, BinaryIO, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facedetect.argument_checks import type_with_article
from facedetect.errors import InvalidImage
from facedetect.faces import Channels
from facedetect.files import is_open_file, read_open_file, url_hint
from facedetect.images.limits import ImageLimits, check_byte_count, check_pixel_count
from facedetect.images.pixels import BGRImage, array_to_bgr, pillow_to_bgr
from facedetect.images.source_image import SourceImage, decoding_errors

Bytes = bytes | bytearray | memoryview
ImageFile = str | os.PathLike[str] | Bytes | BinaryIO
"""A path, the file's bytes, or the file, opened in binary mode."""

ImageInput = ImageFile | NDArray[Any] | Image.Image
"""A path, an image file's bytes or the open file, a colour or grey array, or a Pillow image."""


def load_image(
    source: ImageInput, limits: ImageLimits | None = None, *, channels: Channels = "BGR"
) -> BGRImage:
    """Return any image as an upright BGR image.

    `channels` is the order of an array's colours; transparency (BGRA, RGBA) is composited over
    white. The limits do not apply to arrays, which are already decoded.
    Raises InvalidImage, UnsupportedImage or ImageTooLarge.
    """
    limits = limits or ImageLimits()
    if isinstance(source, np.ndarray):
        return array_to_bgr(_in_bgr_order(source, channels))
    if isinstance(source, Image.Image):
        check_pixel_count(*source.size, limits)
        with decoding_errors():
            return pillow_to_bgr(source)
    return decode_image(file_bytes(source, limits), limits)


def _in_bgr_order(array: NDArray[Any], channels: Channels) -> NDArray[Any]:
    if channels not in get_args(Channels):
        raise InvalidImage(f"channels is {channels!r}; it must be BGR or RGB")
    if channels == "BGR" or array.ndim != 3:  # noqa: PLR2004 - rows, columns, channels
        return array
    return np.concatenate([array[..., 2::-1], array[..., 3:]], axis=2)


def file_bytes(source: ImageFile, limits: ImageLimits) -> bytes:
    """Return an image file's bytes; raises InvalidImage or ImageTooLarge."""
    if isinstance(source, Bytes):
        return bytes(source)
    if isinstance(source, str | os.PathLike):
        return read_image_file(Path(source), limits)
    if is_open_file(source):
        data = read_open_file(source, limits.max_bytes + 1)
        check_byte_count(len(data), limits)
        return data
    raise _wrong_type_error(source)


def _wrong_type_error(source: object) -> InvalidImage:
    """Return the error for an input that is not an image, with its likely cause."""
    if source is None:
        return InvalidImage(
            "the image is None, which cv2.imread returns for a file it cannot read; check the "
            "path, or pass the path itself"
        )
    given = f"the image is {type_with_article(source)}"
    if isinstance(source, list | tuple):
        return InvalidImage(
            f"{given}; pass one image at a time, or all of them to detect_batch; pass pixels as a "
            "NumPy array"
        )
    return InvalidImage(
        f"{given}; pass a path, bytes, an open file, a NumPy array or a Pillow image"
    )


def decode_image(data: bytes, limits: ImageLimits) -> BGRImage:
    """Decode an image file's bytes; see `SourceImage.decode`.

    Raises InvalidImage, UnsupportedImage or ImageTooLarge.
    """
    return SourceImage.open(data, limits).decode()


def read_image_file(path: Path, limits: ImageLimits) -> bytes:
    """Read a regular file of at most `limits.max_bytes`; raises InvalidImage, ImageTooLarge."""
    try:
        if not path.is_file():
            raise InvalidImage(f"{path} {_why_no_file(path)}")
        check_byte_count(path.stat().st_size, limits)
        return path.read_bytes()
    except OSError as error:
        raise InvalidImage(f"{path} cannot be read: {error.strerror}") from error


def _why_no_file(path: Path) -> str:
    return "is not a file" if path.exists() else f"does not exist{url_hint(path)}"
