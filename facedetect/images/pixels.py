"""Convert pixels of any type to upright 8-bit BGR."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image
from PIL.ExifTags import Base as Tag
from PIL.TiffImagePlugin import TiffImageFile

from facedetect.errors import InvalidImage, UnsupportedImage
from facedetect.images.colour import converter_to_srgb

BGRImage = NDArray[np.uint8]
"""uint8 [height, width, 3] in OpenCV's order: blue, green, red."""

Allocate = Callable[[int, int], BGRImage]
"""Allocates memory for an image of a given height and width, px."""

SIDES_SWAPPED = range(5, 9)
"""EXIF orientations that swap width and height."""

_BAND_ROWS = 256
_FLOAT_ADVICE = "if it is from 0 to 1, convert it: (image * 255).astype('uint8')"
_WHITE = np.uint8(255)


def upright_size(header: Image.Image) -> tuple[int, int]:
    """Return width and height with the orientation applied; decodes no pixels."""
    width, height = header.size
    return (height, width) if are_sides_swapped(header) else (width, height)


def are_sides_swapped(header: Image.Image) -> bool:
    """Whether the orientation swaps width and height."""
    if isinstance(header, TiffImageFile):  # Pillow's plugin applies the orientation itself
        return False
    return _orientation(header) in SIDES_SWAPPED


def check_pixel_type(header: Image.Image) -> None:
    """Raise UnsupportedImage for 32-bit or Lab pixels."""
    if header.mode in {"I", "F"}:
        raise UnsupportedImage(
            f"the image has 32-bit pixels (mode {header.mode}); send 8 or 16 bits per channel"
        )
    if header.mode == "LAB":
        raise UnsupportedImage("the image has Lab colours; save it as RGB, CMYK or greyscale")


def new_pixels(height: int, width: int) -> BGRImage:
    """Return an image of that size with undefined pixels."""
    return np.empty((height, width, 3), np.uint8)


def pillow_to_bgr(image: Image.Image, allocate: Allocate = new_pixels) -> BGRImage:
    """Decode a Pillow image: apply the orientation, composite over white, convert CMYK to sRGB.

    Raises UnsupportedImage for 32-bit or Lab pixels, and any exception of Pillow's decoders.
    """
    check_pixel_type(image)
    image.load()
    width, height = image.size
    check_pixel_type(image)  # only now known for a JPEG XL file
    orientation = _orientation(image)
    upright = allocate(*((width, height) if orientation in SIDES_SWAPPED else (height, width)))
    stored = _as_stored(upright, orientation)
    from_cmyk = _converter_of_cmyk(image)
    for top in range(0, height, _BAND_ROWS):  # else each step would copy the whole image
        bottom = min(top + _BAND_ROWS, height)
        band = image.crop((0, top, width, bottom))
        rgb = np.asarray(from_cmyk(band) if from_cmyk else _to_rgb(band))
        if stored.flags.c_contiguous:
            cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR, dst=stored[top:bottom])
        else:
            stored[top:bottom] = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    return upright


def turn_upright(pixels: BGRImage, orientation: int) -> BGRImage:
    """Undo the rotation or mirroring that the EXIF orientation describes."""
    if orientation in SIDES_SWAPPED:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in {3, 4, 7, 8}:
        pixels = pixels[::-1]
    if orientation in {2, 3, 6, 7}:
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _as_stored(upright: BGRImage, orientation: int) -> BGRImage:
    """Return a view of the same memory in the file's own orientation."""
    if orientation in {2, 3, 6, 7}:
        upright = upright[:, ::-1]
    if orientation in {3, 4, 7, 8}:
        upright = upright[::-1]
    if orientation in SIDES_SWAPPED:
        upright = upright.transpose(1, 0, 2)
    return upright


def array_to_bgr(array: NDArray[np.uint8]) -> BGRImage:
    """Convert a BGR [height, width, 3], BGRA [.., 4] or grey array; raises InvalidImage."""
    shape = array.shape
    if array.dtype != np.uint8 or array.size == 0:
        is_float = array.dtype.kind == "f" and array.size
        advice = f"; {_FLOAT_ADVICE}" if is_float else ""
        raise InvalidImage(
            f"the array is {array.dtype} of shape {list(shape)}; it must be uint8 and not empty"
            f"{advice}"
        )
    match shape:
        case (_, _, 3):
            return np.ascontiguousarray(array)
        case (_, _, 4):
            return pillow_to_bgr(Image.fromarray(cv2.cvtColor(array, cv2.COLOR_BGRA2RGBA)))
        case (_, _) | (_, _, 1):
            return np.asarray(cv2.cvtColor(array, cv2.COLOR_GRAY2BGR), np.uint8)
    raise InvalidImage(
        f"the array has the shape {list(shape)}; it must be [height, width, 3] in BGR order, "
        "[height, width, 4] in BGRA order or [height, width] in grey"
    )


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation; 1 if missing, damaged, or already applied to the pixels."""
    try:
        exif = image.getexif()
        value = exif.get(Tag.Orientation, 1)
        is_turned = value in SIDES_SWAPPED and _was_turned(image, exif)
    except Exception:  # noqa: BLE001 - broken metadata must not lose a photograph
        return 1
    return value if isinstance(value, int) and not is_turned else 1


def _was_turned(image: Image.Image, exif: Image.Exif) -> bool:
    """Return whether a program has rotated the pixels: Pillow copies EXIF data to derived images.

    The sides show it: EXIF has those of the file. Images straight from a file have a format.
    """
    if image.format is not None:
        return False
    sides = exif.get_ifd(ExifTags.IFD.Exif)
    width, height = (sides.get(tag, 0) for tag in (Tag.ExifImageWidth, Tag.ExifImageHeight))
    return bool((width - height) * (image.width - image.height) < 0)


def _converter_of_cmyk(image: Image.Image) -> Callable[[Image.Image], Image.Image] | None:
    """Return a converter from CMYK to sRGB by its profile, which an RGB result cannot keep."""
    profile = image.info.get("icc_profile")
    return converter_to_srgb(profile, "CMYK") if image.mode == "CMYK" and profile else None


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and not image.has_transparency_data:
        return image
    if image.mode.startswith("I;16"):
        return Image.fromarray(_cut_to_8_bits(image)).convert("RGB")
    if image.has_transparency_data:
        pixels = image.convert("RGBA")
        white = Image.new("RGBA", pixels.size, "white")
        return Image.alpha_composite(white, pixels).convert("RGB")
    return image.convert("RGB")


def _cut_to_8_bits(image: Image.Image) -> NDArray[np.uint8]:
    deep = np.asarray(image).astype(np.uint16)
    grey = (deep >> 8).astype(np.uint8)
    transparent = image.info.get("transparency")  # Pillow applies it only to 8 bits
    if isinstance(transparent, int):
        grey[deep == transparent] = _WHITE
    return grey
