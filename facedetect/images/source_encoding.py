"""How an image file is encoded, so that a result can be encoded the same way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from facedetect.images.pixels import are_sides_swapped
from facedetect.images.png import read_png_metadata
from facedetect.images.webp import is_lossless_webp

_GREY_MODES = ("1", "L", "LA", "I;16", "I;16B", "I;16L", "I;16N")
_DPI_BOUNDS = (1, 65535)

# Pillow's numbers, by how many pixels share one colour sample, across and down.
_SUBSAMPLINGS: dict[tuple[float, float], int] = {(1, 1): 0, (2, 1): 1, (2, 2): 2}


@dataclass(frozen=True)
class JpegCoding:
    """What determines the quality of a JPEG file, for the upright image.

    `tables`: a quantisation table for each component, or one for all. `subsampling`: Pillow's
    number.
    """

    tables: list[list[int]]
    subsampling: int
    is_progressive: bool


@dataclass(frozen=True)
class SourceEncoding:
    """How an image file is encoded, and its metadata.

    `exif` is as in the file, or the whole file for a TIFF. `dpi` is the upright image's, across and
    down. `jpeg` is None for CMYK and for other formats. `compression` is Pillow's name of a TIFF
    file's compression.
    """

    is_grey: bool
    exif: bytes
    icc_profile: bytes
    dpi: tuple[float, float] | None
    jpeg: JpegCoding | None
    is_lossy_webp: bool
    compression: str | None


def read_source_encoding(pillow: Image.Image, format_name: str, data: bytes) -> SourceEncoding:
    """Read how an image file is encoded, from the opened image and its bytes.

    Decodes no pixels, except for JPEG XL. Raises InvalidImage, and whatever Pillow raises.
    """
    info: dict[Any, Any] = dict(pillow.info)
    match format_name:  # what Pillow's `info` lacks
        case "PNG":
            info |= read_png_metadata(data)
        case "TIFF" | "RAW":
            info["exif"] = data
        case "JPEG XL":
            pillow.load()
            info |= pillow.info
    return SourceEncoding(
        pillow.mode in _GREY_MODES,
        _bytes_in(info, "exif"),
        _bytes_in(info, "icc_profile"),
        _dpi(info.get("dpi"), pillow),
        _jpeg_coding(pillow) if isinstance(pillow, JpegImageFile) else None,
        format_name == "WebP" and not is_lossless_webp(data),
        info.get("compression") if format_name == "TIFF" else None,
    )


def _bytes_in(info: dict[Any, Any], key: str) -> bytes:
    value = info.get(key)
    return value if isinstance(value, bytes) else b""


def _dpi(value: Any, image: Image.Image) -> tuple[float, float] | None:
    """Return the upright image's resolution; None if missing or not writable."""
    try:
        across, down = (float(side) for side in value)
    except (TypeError, ValueError, ArithmeticError):
        return None
    low, high = _DPI_BOUNDS
    if not (low <= across <= high and low <= down <= high):
        return None
    return (down, across) if are_sides_swapped(image) else (across, down)


def _jpeg_coding(image: JpegImageFile) -> JpegCoding | None:
    """Return the coding; None for four components or if a table is missing."""
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
    """Return the file's subsampling if Pillow can write it, else 4:4:4, which loses nothing."""
    (across, down), *colours = factors
    if not colours or len(set(colours)) > 1:
        return 0
    ratio = across / max(colours[0][0], 1), down / max(colours[0][1], 1)
    return _SUBSAMPLINGS.get(ratio[::-1] if is_swapped else ratio, 0)


def _transposed(table: list[int]) -> list[int]:
    return [table[8 * column + row] for row in range(8) for column in range(8)]
