"""Images to send, as an image file's bytes; results that name the image they are of."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Generic, TypeVar, Union, cast

from facedetect.errors import FacedetectError, InvalidImage, InvalidSettings
from facedetect.faces import Detection

if TYPE_CHECKING:  # a client has no other need of them
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

Bytes = bytes | bytearray | memoryview
SendableImage = Union[str, os.PathLike[str], Bytes, BinaryIO, "NDArray[np.uint8]", "Image.Image"]
"""A path, an image file's bytes or the open file, a BGR, BGRA or grey array, or a Pillow image."""

S = TypeVar("S", bound=SendableImage)


@dataclass(frozen=True)
class BatchResult(Generic[S]):
    """What became of one image: a detection, or the error that it ended in; the other is None."""

    source: S
    detection: Detection | None
    error: FacedetectError | None


def check_concurrency(concurrency: int) -> None:
    """Raises InvalidSettings."""
    if concurrency < 1:
        raise InvalidSettings(f"concurrency is {concurrency}; it must be at least 1")


def read_source(image: SendableImage) -> bytes:
    """Return the bytes to send: files as they are, pixels as PNG, which loses nothing.

    Open files are read from where they stand to their end, and left open.
    Raises InvalidImage if a file cannot be read.
    """
    if isinstance(image, Bytes):
        return bytes(image)
    if isinstance(image, str | os.PathLike):
        return _read_path(Path(image))
    if hasattr(image, "read"):
        return _read_file(cast("BinaryIO", image))
    # The slow imports are for those who have loaded them anyway.
    from facedetect.images import encode_image, load_image

    return encode_image(load_image(image), ".png")


def _read_path(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidImage(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:  # a zero byte, or what no file's name can have
        raise InvalidImage(f"{str(path)!r} cannot be read: {error}") from error


def _read_file(file: BinaryIO) -> bytes:
    try:
        contents = file.read()
    except (OSError, ValueError) as error:  # ValueError: closed, or not UTF-8 in text mode
        raise InvalidImage(f"the open file cannot be read: {error}") from error
    if not isinstance(contents, bytes):
        raise InvalidImage('the open file gives text; open it in binary mode, "rb"')
    return contents
