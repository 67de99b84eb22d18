"""How an image file is stored, and what it says beside its pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from facedetect.images.decode import opened_image
from facedetect.images.heif import read_heif_exif
from facedetect.images.jpeg import read_jpeg_profile
from facedetect.images.limits import ImageLimits
from facedetect.images.pixels import are_sides_swapped
from facedetect.images.png import MOST_PROFILE_BYTES, read_png_extras
from facedetect.images.webp import is_lossless_webp

_GREY_MODES = ("1", "L", "LA", "I;16", "I;16B", "I;16L", "I;16N")
_DPI_BOUNDS = (1, 65535)

# Pillow's numbers by how many pixels one of colour stands for, across and down.
_SUBSAMPLINGS: dict[tuple[float, float], int] = {(1, 1): 0, (2, 1): 1, (2, 2): 2}

_KIND_OF_PROFILE, _PROFILE_MARK, _MARK = slice(16, 20), slice(36, 40), b"acsp"


@dataclass(frozen=True)
class JpegCoding:
    """What decides the quality of a JPEG file, for the upright image.

    `tables`: a quantisation table for each component, or one for all. `subsampling`: Pillow's
    number.
    """

    tables: list[list[int]]
    subsampling: int
    is_progressive: bool


@dataclass(frozen=True)
class ImageTraits:
    """How an image file is stored, and what it says beside its pixels.

    `exif` is as it stands there, or the whole file if that is a TIFF. `compression` is Pillow's
    name for a TIFF file's. `jpeg` is None for CMYK.
    """

    is_grey: bool
    exif: bytes
    icc_profile: bytes
    dpi: tuple[float, float] | None
    jpeg: JpegCoding | None
    is_lossy_webp: bool
    compression: str | None


def read_traits(data: bytes, limits: ImageLimits) -> ImageTraits:
    """Read the traits of an image file without decoding its pixels.

    Raises InvalidImage, UnsupportedImage or ImageTooLarge, as `read_header` would.
    """
    with opened_image(data, limits) as (image, name):
        info = image.info | _extras(data, name)
        return ImageTraits(
            image.mode in _GREY_MODES,
            _bytes_in(info, "exif"),
            _bytes_in(info, "icc_profile"),
            _dpi(info.get("dpi"), image),
            _jpeg_coding(image) if isinstance(image, JpegImageFile) else None,
            name == "WebP" and not is_lossless_webp(data),
            info.get("compression") if name == "TIFF" else None,
        )


def profile_fits(profile: bytes, *, is_grey: bool) -> bool:
    """Whether an ICC profile is for such pixels, by its header (ICC.1, 7.2)."""
    kind = b"GRAY" if is_grey else b"RGB "
    return (
        len(profile) < MOST_PROFILE_BYTES
        and profile[_PROFILE_MARK] == _MARK
        and profile[_KIND_OF_PROFILE] == kind
    )


def _extras(data: bytes, name: str) -> dict[str, Any]:
    """What Pillow would say if it saw the whole file."""
    match name:
        case "JPEG":
            return {"icc_profile": read_jpeg_profile(data)}
        case "PNG":
            return read_png_extras(data)
        case "TIFF":
            return {"exif": data}
        case "HEIC" | "AVIF":
            return {"exif": read_heif_exif(data)}
    return {}


def _bytes_in(info: dict[Any, Any], key: str) -> bytes:
    value = info.get(key)
    return value if isinstance(value, bytes) else b""


def _dpi(value: Any, image: Image.Image) -> tuple[float, float] | None:
    """Of the upright image; None if it is none that can be written."""
    try:
        across, down = (float(side) for side in value)
    except (TypeError, ValueError, ArithmeticError):
        return None
    low, high = _DPI_BOUNDS
    if not (low <= across <= high and low <= down <= high):
        return None
    return (down, across) if are_sides_swapped(image) else (across, down)


def _jpeg_coding(image: JpegImageFile) -> JpegCoding | None:
    """None for four components, and where a table is missing."""
    components = image.layer[: image.layers]
    try:
        tables = [image.quantization[table] for *_, table in components]
    except KeyError:
        return None
    if len(components) not in {1, 3}:
        return None
    is_swapped = are_sides_swapped(image)
    return JpegCoding(
        [_transposed(table) for table in tables] if is_swapped else tables,
        _subsampling([(across, down) for _, across, down, _ in components], is_swapped),
        bool(image.info.get("progressive")),
    )


def _subsampling(factors: list[tuple[int, int]], is_swapped: bool) -> int:
    """The one that is stored, if it can be written; else none, which loses nothing."""
    (across, down), *colours = factors
    if not colours or len(set(colours)) > 1:
        return 0
    ratio = across / max(colours[0][0], 1), down / max(colours[0][1], 1)
    return _SUBSAMPLINGS.get(ratio[::-1] if is_swapped else ratio, 0)


def _transposed(table: list[int]) -> list[int]:
    return [table[8 * column + row] for row in range(8) for column in range(8)]
