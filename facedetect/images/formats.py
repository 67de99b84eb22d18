"""The supported formats: their signatures, what strips their files and what decodes them."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from facedetect.errors import UnsupportedImage
from facedetect.images.bmp import strip_bmp
from facedetect.images.gif import strip_gif
from facedetect.images.heif import strip_avif, strip_heic
from facedetect.images.jpeg import strip_jpeg
from facedetect.images.limits import ImageLimits
from facedetect.images.png import strip_png
from facedetect.images.stripped_file import StrippedFile
from facedetect.images.tiff import strip_tiff
from facedetect.images.webp import strip_webp

_SUPPORTED_FORMATS = "JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF"

# Pillow warns of what is odd in a stranger's file: that should neither fill the log nor be kept for
# each new text, as Python does. The filter is the process's, since many threads decode.
warnings.filterwarnings("ignore", module=r"PIL\.")

_AVIF_BRANDS = {b"avif", b"avis"}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1"}
_MAX_FTYP_BYTES = 1024


@dataclass(frozen=True)
class ImageFormat:
    """A format's name, what checks and strips its files, and the Pillow plugin that opens them."""

    name: str
    strip: Callable[[bytes, ImageLimits], StrippedFile]
    open: Callable[[io.BytesIO], Image.Image]


_BY_SIGNATURE = {
    (b"\xff\xd8\xff",): ImageFormat("JPEG", strip_jpeg, JpegImageFile),
    (b"\x89PNG\r\n\x1a\n",): ImageFormat("PNG", strip_png, PngImageFile),
    (b"GIF87a", b"GIF89a"): ImageFormat("GIF", strip_gif, GifImageFile),
    (b"BM",): ImageFormat("BMP", strip_bmp, BmpImageFile),
    (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"): ImageFormat("TIFF", strip_tiff, TiffImageFile),
}


def detect_format(data: bytes) -> ImageFormat:
    """Detect a file's format by its first bytes; raises UnsupportedImage.

    Pillow's other plugins are never asked.
    """
    for signatures, image_format in _BY_SIGNATURE.items():
        if data.startswith(signatures):
            return image_format
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return ImageFormat("WebP", strip_webp, WebPImageFile)
    brands = _brands(data)
    if brands & _AVIF_BRANDS:
        return ImageFormat("AVIF", strip_avif, AvifImageFile)
    if brands & _HEIC_BRANDS:
        return ImageFormat("HEIC", strip_heic, _heif_plugin())
    raise UnsupportedImage(
        f"the bytes are no image in a supported format; send {_SUPPORTED_FORMATS}"
    )


def _brands(data: bytes) -> set[bytes]:
    """The brands in the first box of an ISO media file; empty for other files."""
    if data[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(data[:4]), _MAX_FTYP_BYTES)
    return {data[8:12], *(data[at : at + 4] for at in range(16, end, 4))}


def _heif_plugin() -> Callable[[io.BytesIO], Image.Image]:
    try:
        from pillow_heif import HeifImageFile
    except ImportError as error:
        raise UnsupportedImage(
            "HEIC images are not supported here; send JPEG, or install facedetect with its extra "
            "heif"
        ) from error
    plugin: Callable[[io.BytesIO], Image.Image] = HeifImageFile
    return plugin
