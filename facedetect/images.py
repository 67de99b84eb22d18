"""Bytes to an upright BGR image, within limits, and back to bytes."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facedetect.errors import (
    FacedetectError,
    ImageTooLarge,
    InvalidImage,
    InvalidSettings,
    UnsupportedImage,
)
from facedetect.files import write_whole

BGRImage = NDArray[np.uint8]
"""uint8 [height, width, 3], blue first, as OpenCV has it."""

Bytes = bytes | bytearray | memoryview
ImageSource = str | os.PathLike[str] | Bytes | NDArray[np.uint8] | Image.Image
"""A path, an image file's bytes, a BGR, BGRA or grey array, or a Pillow image."""

DEFAULT_MAX_IMAGE_PIXELS = 50_000_000

ENCODED_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
_FORMATS_FOR_PEOPLE = "JPEG, PNG, WebP, GIF, BMP or TIFF"

# What Pillow calls a phone's JPEG with more pictures (a depth map, a preview) behind the first.
_PHONE_JPEG = "MPO"

_FRAMES_COUNTED_IN_HEADER = ("PNG", "WEBP")

_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation -> what turns the stored pixels upright; 1 is upright already."""


@dataclass(frozen=True)
class ImageLimits:
    """What is refused before it is decoded.

    `max_bytes` of the file, `max_pixels` of its width times height, `max_frames` of an animation
    or a file of several pages, of which the first is taken.
    """

    max_bytes: int = 32 * 2**20
    max_pixels: int = DEFAULT_MAX_IMAGE_PIXELS
    max_frames: int = 1


def load_image(source: ImageSource, limits: ImageLimits | None = None) -> BGRImage:
    """Return any image source as an upright BGR image.

    Arrays are decoded already, so the limits are for the others.
    Raises InvalidImage, UnsupportedImage or ImageTooLarge.
    """
    limits = limits or ImageLimits()
    if isinstance(source, Bytes):
        return decode_image(bytes(source), limits)
    if isinstance(source, np.ndarray):
        return _array_to_bgr(source)
    if isinstance(source, Image.Image):
        _check_pixels(source, limits)
        with _decoding_errors():
            return _to_upright_bgr(source)
    return decode_image(read_image_file(Path(source), limits), limits)


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


def check_byte_count(count: int, limits: ImageLimits) -> None:
    """Raise ImageTooLarge if an image file of `count` bytes is not taken."""
    if count > limits.max_bytes:
        raise ImageTooLarge(
            f"the image has more than the {limits.max_bytes} bytes allowed; "
            "send a smaller one, or compress it more"
        )


def decode_image(data: bytes, limits: ImageLimits) -> BGRImage:
    """Decode an image file's bytes: EXIF orientation applied, transparency laid over white.

    Grey, palette, CMYK and 16-bit pixels become 8-bit BGR. Limits are checked on the header.
    Raises InvalidImage, UnsupportedImage or ImageTooLarge.
    """
    check_byte_count(len(data), limits)
    if not data:
        raise InvalidImage("the image is empty: 0 bytes")
    with _decoding_errors(), _open_header(data) as header:
        _check_pixels(header, limits)
        _check_frames(header, limits)
        return _to_upright_bgr(header)


def encode_image(image: BGRImage, suffix: str) -> bytes:
    """Encode as the format that a file name's `suffix` (".png", ".jpg", ...) stands for.

    Raises InvalidSettings if it is none of ENCODED_SUFFIXES, ImageTooLarge if the format has no
    room for so many pixels a side.
    """
    check_encoded_suffix(suffix)
    try:
        is_encoded, encoded = cv2.imencode(suffix, image)
    except cv2.error:
        is_encoded = False
    if not is_encoded:
        height, width = image.shape[:2]
        raise ImageTooLarge(f"{width}x{height} pixels do not fit into {suffix}; write a .png")
    return encoded.tobytes()


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


def _open_header(data: bytes) -> Image.Image:
    """Let the plugin that knows the first bytes read the header.

    Not by Image.open, which has a limit on pixels of its own.
    """
    Image.init()
    for name in _FORMATS:
        factory, accept = Image.OPEN[name]
        if accept is not None and accept(data[:16]):
            return factory(io.BytesIO(data), "")
    raise UnsupportedImage(
        f"the bytes are no image in a supported format; send {_FORMATS_FOR_PEOPLE}"
    )


def _check_pixels(header: Image.Image, limits: ImageLimits) -> None:
    width, height = header.size
    if width * height > limits.max_pixels:
        raise ImageTooLarge(
            f"the image has {width}x{height} = {width * height} pixels, more than the "
            f"{limits.max_pixels} allowed; scale it down"
        )


def _check_frames(header: Image.Image, limits: ImageLimits) -> None:
    if header.format != _PHONE_JPEG and _has_more_frames(header, limits.max_frames):
        raise ImageTooLarge(
            f"the {header.format} file has more frames or pages than the {limits.max_frames} "
            "allowed; send one picture"
        )


def _has_more_frames(header: Image.Image, count: int) -> bool:
    """Look no further than needed: files can claim, or hold, any number of frames."""
    if header.format in _FRAMES_COUNTED_IN_HEADER:
        return getattr(header, "n_frames", 1) > count
    try:
        header.seek(count)
    except EOFError:
        return False
    else:
        return True
    finally:
        header.seek(0)


def _to_upright_bgr(image: Image.Image) -> BGRImage:
    image.load()
    turn = _UPRIGHT.get(_orientation(image))
    return _to_bgr(image if turn is None else image.transpose(turn))


def _to_bgr(image: Image.Image) -> BGRImage:
    return _checked(cv2.cvtColor(np.asarray(_to_rgb(image)), cv2.COLOR_RGB2BGR))


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation; 1 if there is none, or the EXIF data is damaged."""
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # noqa: BLE001 - a photograph is worth more than its broken metadata
        return 1
    return value if isinstance(value, int) else 1


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and not image.has_transparency_data:
        return image
    if image.mode.startswith("I;16"):
        deep = np.asarray(image).astype(np.uint16)
        return Image.fromarray((deep >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in {"I", "F"}:
        raise UnsupportedImage(
            f"the image has 32-bit pixels (mode {image.mode}); send 8 or 16 bits a channel"
        )
    if image.has_transparency_data:
        pixels = image.convert("RGBA")
        white = Image.new("RGBA", pixels.size, "white")
        return Image.alpha_composite(white, pixels).convert("RGB")
    return image.convert("RGB")


def _array_to_bgr(array: NDArray[np.uint8]) -> BGRImage:
    shape = array.shape
    if array.dtype != np.uint8 or array.size == 0:
        raise InvalidImage(
            f"the array is {array.dtype} {list(shape)}; it must be uint8 and not empty"
        )
    match shape:
        case (_, _, 3):
            return np.ascontiguousarray(array)
        case (_, _, 4):
            return _to_bgr(Image.fromarray(cv2.cvtColor(array, cv2.COLOR_BGRA2RGBA)))
        case (_, _) | (_, _, 1):
            return _checked(cv2.cvtColor(array, cv2.COLOR_GRAY2BGR))
    raise InvalidImage(
        f"the array has the shape {list(shape)}; it must be [height, width, 3] in BGR order, "
        "[height, width, 4] in BGRA order or [height, width] in grey"
    )


def _checked(image: NDArray[np.generic] | cv2.typing.MatLike) -> BGRImage:
    return np.asarray(image, dtype=np.uint8)


@contextmanager
def _decoding_errors() -> Iterator[None]:
    """Turn what Pillow raises while decoding into our errors.

    Its plugins raise whatever their parsing meets (SyntaxError, struct.error, IndexError, ...), so
    anything from inside is taken as what it is: bytes that do not decode.
    """
    try:
        yield
    except FacedetectError:
        raise
    except Exception as error:
        raise InvalidImage(
            f"the image does not decode ({error}); send the original, complete file"
        ) from error
