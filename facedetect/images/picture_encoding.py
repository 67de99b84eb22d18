"""Encode results in the format and quality, and with the metadata, of their source."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import putchunk

from facedetect.images.colour import profile_fits
from facedetect.images.encode import (
    JPEG_SUFFIXES,
    WEBP_LONGEST_SIDE,
    WEBP_OPTIONS,
    check_encoded_suffix,
    encode_image,
    side_too_long_error,
)
from facedetect.images.exif import add_exif_to_tiff, filter_exif
from facedetect.images.pixels import BGRImage
from facedetect.images.source_encoding import JpegCoding, SourceEncoding

Metadata = Literal["keep", "colour", "strip"]
"""What a result keeps of its source: EXIF, colour profile and resolution; the profile; nothing."""

_LONGEST_SIDE = dict.fromkeys(JPEG_SUFFIXES, 65500) | {".webp": WEBP_LONGEST_SIDE}

_JPEG_QUALITY = 95
# An eighth of the time of OpenCV's lossless encoder for a photograph.
_LOSSLESS_WEBP_OPTIONS = {"lossless": True, "quality": 0, "method": 0}

_PLAIN_TIFF = ("raw", "packbits")
# Within 10 % of the smallest, in an eighth of deflate's time.
_PREDICTED_TIFF = "tiff_lzw"
_PREDICTOR, _DIFFERENCES = 317, 2

# Pillow's buffer for progressive JPEG files; larger files make its encoder fail.
_PROGRESSIVE_BYTES_PER_PIXEL = 1.8

_PNG_HEADER_BYTES = 33
_INCH_IN_METRES = 0.0254


@dataclass(frozen=True)
class _KeptMetadata:
    """The metadata that goes into a result."""

    exif: bytes = b""
    icc_profile: bytes = b""
    dpi: tuple[float, float] | None = None

    def options(self) -> dict[str, Any]:
        """Return Pillow's options for the profile and the resolution."""
        options: dict[str, Any] = {"icc_profile": self.icc_profile} if self.icc_profile else {}
        return options | ({"dpi": self.dpi} if self.dpi else {})


def encode_picture(
    image: BGRImage,
    suffix: str,
    encoding: SourceEncoding,
    metadata: Metadata,
) -> bytes:
    """Encode an upright image in the format of `suffix`, as close as possible to `encoding`.

    JPEG keeps its source's quantisation tables and chroma subsampling, WebP stays lossy or
    lossless, TIFF keeps its compression; grey stays grey. Equal arguments give equal bytes.
    Raises InvalidSettings if `suffix` is not in ENCODED_SUFFIXES, ImageTooLarge if a side is longer
    than the format allows.
    """
    check_encoded_suffix(suffix)
    suffix = suffix.lower()
    if max(image.shape[:2]) > _LONGEST_SIDE.get(suffix, max(image.shape[:2])):
        raise side_too_long_error(image, suffix)
    if suffix != ".webp" and encoding.is_grey:
        image = _to_grey_if_possible(image)
    kept = _kept(image, encoding, metadata)
    if suffix in JPEG_SUFFIXES:
        return _jpeg(_pillow_image(image), encoding.jpeg, kept)
    match suffix:
        case ".png":
            return _with_chunks(encode_image(image, suffix), kept)
        case ".webp":
            return _webp(_pillow_image(image), encoding.is_lossy_webp, kept)
        case ".bmp":
            return _saved(_pillow_image(image), "BMP", **kept.options())
    return _tiff(_pillow_image(image), encoding.compression, kept)


def _to_grey_if_possible(image: BGRImage) -> BGRImage:
    """Return [height, width] if nothing coloured was drawn."""
    blue, green, red = cv2.split(image)
    is_grey = np.array_equal(blue, green) and np.array_equal(green, red)
    return np.asarray(blue, np.uint8) if is_grey else image


def _kept(image: BGRImage, encoding: SourceEncoding, metadata: Metadata) -> _KeptMetadata:
    if metadata == "strip":
        return _KeptMetadata()
    mode = "L" if image.ndim == 2 else "RGB"  # noqa: PLR2004 - rows, columns
    profile = encoding.icc_profile if profile_fits(encoding.icc_profile, mode) else b""
    if metadata == "colour":
        return _KeptMetadata(icc_profile=profile)
    height, width = image.shape[:2]
    return _KeptMetadata(filter_exif(encoding.exif, width, height), profile, encoding.dpi)


def _pillow_image(image: BGRImage) -> Image.Image:
    is_grey = image.ndim == 2  # noqa: PLR2004 - rows, columns
    return Image.fromarray(image if is_grey else cv2.cvtColor(image, cv2.COLOR_BGR2RGB))


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _jpeg(image: Image.Image, coding: JpegCoding | None, kept: _KeptMetadata) -> bytes:
    options = kept.options()
    if kept.exif:
        options["exif"] = b"Exif\0\0" + kept.exif
    if coding is None:
        return _saved(image, "JPEG", quality=_JPEG_QUALITY, **options)
    options |= {"qtables": coding.tables, "subsampling": coding.subsampling}
    data = _saved(image, "JPEG", **options)
    is_small = len(data) < _PROGRESSIVE_BYTES_PER_PIXEL * image.width * image.height
    if coding.is_progressive and is_small:
        return _saved(image, "JPEG", progressive=True, **options)
    return data


def _webp(image: Image.Image, is_lossy: bool, kept: _KeptMetadata) -> bytes:
    options = kept.options() | (WEBP_OPTIONS if is_lossy else _LOSSLESS_WEBP_OPTIONS)
    return _saved(image, "WEBP", exif=kept.exif, **options)


def _tiff(image: Image.Image, compression: str | None, kept: _KeptMetadata) -> bytes:
    if compression not in _PLAIN_TIFF:
        compression = _PREDICTED_TIFF
    # Differences of neighbouring pixels compress far better than the pixels themselves.
    info = {_PREDICTOR: _DIFFERENCES} if compression == _PREDICTED_TIFF else {}
    data = _saved(image, "TIFF", compression=compression, tiffinfo=info, **kept.options())
    return add_exif_to_tiff(data, kept.exif) if kept.exif else data


def _with_chunks(png: bytes, kept: _KeptMetadata) -> bytes:
    """Add metadata to a PNG file from OpenCV, which encodes in a quarter of Pillow's time."""
    result = io.BytesIO()
    result.write(png[:_PNG_HEADER_BYTES])
    if kept.icc_profile:
        putchunk(result, b"iCCP", b"ICC\0\0", zlib.compress(kept.icc_profile))
    if kept.dpi:
        across, down = (round(dpi / _INCH_IN_METRES) for dpi in kept.dpi)
        putchunk(result, b"pHYs", struct.pack(">IIB", across, down, 1))
    if kept.exif:
        putchunk(result, b"eXIf", kept.exif)
    result.write(png[_PNG_HEADER_BYTES:])
    return result.getvalue()
