"""The images a client accepts, and their conversion to image files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Union

from facedetect.errors import InvalidImage
from facedetect.faces import Channels
from facedetect.files import is_open_file, read_open_file, url_hint

if TYPE_CHECKING:  # a client must not import either
    from numpy.typing import NDArray
    from PIL import Image

Bytes = bytes | bytearray | memoryview
SendableImage = Union[str, os.PathLike[str], Bytes, BinaryIO, "NDArray[Any]", "Image.Image"]
"""A path, an image file's bytes or the open file, a BGR, BGRA or grey array, or a Pillow image."""


def to_image_file(image: SendableImage, channels: Channels = "BGR") -> bytes:
    """Return an image file's bytes: files unchanged, pixels as lossless PNG.

    Open files are read from their position to the end and stay open.
    Raises InvalidImage if a file cannot be read.
    """
    if isinstance(image, Bytes):
        return bytes(image)
    if isinstance(image, str | os.PathLike):
        return _read_path(Path(image))
    if is_open_file(image):
        return read_open_file(image)
    # Slow to import; callers with an array or a Pillow image have imported most of it already.
    from facedetect.images import encode_image, load_image

    return encode_image(load_image(image, channels=channels), ".png")


def _read_path(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidImage(f"{path} cannot be read: {error.strerror}{url_hint(path)}") from error
    except ValueError as error:  # a NUL byte, or another character not allowed in paths
        raise InvalidImage(f"{str(path)!r} cannot be read: {error}") from error
