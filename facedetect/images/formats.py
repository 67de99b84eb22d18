"""Which formats are taken, and who reads them."""

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
from facedetect.images.bmp import slim_bmp
from facedetect.images.gif import slim_gif
from facedetect.images.heif import slim_avif, slim_heic
from facedetect.images.jpeg import slim_jpeg
from facedetect.images.limits import ImageLimits
from facedetect.images.png import slim_png
from facedetect.images.slim import Slim
from facedetect.images.tiff import slim_tiff
from facedetect.images.webp import slim_webp

_FORMATS_FOR_PEOPLE = "JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF"

# Its warnings tell what is odd in a stranger's file: nothing to fill the log with, nor to be kept
# for each new text, as Python does. The filter is the process's, as decoding runs in many threads.
warnings.filterwarnings("ignore", module=r"PIL\.")

_AVIF_BRANDS = {b"avif", b"avis"}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1"}
_LONGEST_FTYP = 1024


@dataclass(frozen=True)
class Format:
    """A format's name, what checks and slims its files, and what reads them then."""

    name: str
    slim: Callable[[bytes, ImageLimits], Slim]
    read: Callable[[io.BytesIO, str], Image.Image]


def recognise(data: bytes) -> Format:
    """Tell a file's format by its first bytes; raises UnsupportedImage.

    Pillow's other plugins are never asked.
    """
    for starts, known in _known_starts():
        if data.startswith(starts):
            return known
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return Format("WebP", slim_webp, WebPImageFile)
    brands = _brands(data)
    if brands & _AVIF_BRANDS:
        return Format("AVIF", slim_avif, AvifImageFile)
    if brands & _HEIC_BRANDS:
        return Format("HEIC", slim_heic, _heif_plugin())
    raise UnsupportedImage(
        f"the bytes are no image in a supported format; send {_FORMATS_FOR_PEOPLE}"
    )


def _known_starts() -> list[tuple[tuple[bytes, ...], Format]]:
    return [
        ((b"\xff\xd8\xff",), Format("JPEG", slim_jpeg, JpegImageFile)),
        ((b"\x89PNG\r\n\x1a\n",), Format("PNG", slim_png, PngImageFile)),
        ((b"GIF87a", b"GIF89a"), Format("GIF", slim_gif, GifImageFile)),
        ((b"BM",), Format("BMP", slim_bmp, BmpImageFile)),
        ((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), Format("TIFF", slim_tiff, TiffImageFile)),
    ]


def _brands(data: bytes) -> set[bytes]:
    """What the first box of an ISO media file says it may be read as."""
    if data[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(data[:4]), _LONGEST_FTYP)
    return {data[8:12], *(data[at : at + 4] for at in range(16, end, 4))}


def _heif_plugin() -> Callable[[io.BytesIO, str], Image.Image]:
    try:
        from pillow_heif import HeifImageFile
    except ImportError as error:
        raise UnsupportedImage(
            "HEIC images are not taken here; send JPEG, or install facedetect with its extra heif"
        ) from error
    plugin: Callable[[io.BytesIO, str], Image.Image] = HeifImageFile
    return plugin
