"""The supported formats: their magic numbers and openers."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from PIL import Image
from PIL.GifImagePlugin import GifImageFile
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile
from PIL.WebPImagePlugin import WebPImageFile

from facedetect.errors import UnsupportedImage
from facedetect.images.bmp import open_bmp
from facedetect.images.heif import heif_plugin, open_avif, open_heic
from facedetect.images.jpeg import open_jpeg
from facedetect.images.jpeg_xl import jpeg_xl_plugin, open_jpeg_xl
from facedetect.images.limits import ImageLimits
from facedetect.images.png import open_png
from facedetect.images.raw import is_raw, open_raw, raw_error
from facedetect.images.tiff import open_tiff
from facedetect.images.webp import WebPHeader

_SUPPORTED_FORMATS = "JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP, TIFF, JPEG 2000 or JPEG XL"

# Pillow warns about oddities in untrusted files. That must not fill the log, nor the memory of
# Python, which remembers each new text. The filter is global, since many threads decode.
warnings.filterwarnings("ignore", module=r"PIL\.")

_AVIF_BRANDS = {b"avif", b"avis"}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1"}
_CANON_RAW_BRAND = b"crx "
_VIDEO_BRANDS = {b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"M4V ", b"qt  "}
_MATROSKA = b"\x1a\x45\xdf\xa3"
_MAX_FTYP_BYTES = 1024
# Canon's CR3 has its own brand. These are Fujifilm, Olympus, Panasonic, Sigma, old Canon and
# Minolta.
_RAW_MAGIC = (
    b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FOVb", b"II\x1a\0\0\0HEAPCCDR",
    b"\0MRM",
)  # fmt: skip
# Phase One files are TIFF files with a thumbnail.
_PHASE_ONE, _PHASE_ONE_AT = (b"IIII", b"MMMM"), 8


@dataclass(frozen=True)
class ImageFormat:
    """A format's name, and how to open its files as a Pillow image without decoding pixels.

    `open_header` reads only size, frames and EXIF data, where `open` needs much more memory.
    """

    name: str
    open: Callable[[bytes, ImageLimits], Image.Image]
    open_header: Callable[[bytes], Image.Image] | None = None


def _format(name: str, open_file: Callable[[bytes], Image.Image]) -> ImageFormat:
    return ImageFormat(name, lambda data, _: open_file(data))


def _plain(name: str, plugin: Callable[[io.BytesIO], Image.Image]) -> ImageFormat:
    return ImageFormat(name, lambda data, _: plugin(io.BytesIO(data)))


_BY_MAGIC = {
    (b"\xff\xd8\xff",): _format("JPEG", open_jpeg),
    (b"\x89PNG\r\n\x1a\n",): ImageFormat("PNG", open_png),
    (b"GIF87a", b"GIF89a"): _plain("GIF", GifImageFile),
    (b"BM",): _format("BMP", open_bmp),
    (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"): ImageFormat("TIFF", open_tiff),
    (b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  \r\n\x87\n"): _plain("JPEG 2000", Jpeg2KImageFile),
    (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"): _format("JPEG XL", open_jpeg_xl),
}
_WEBP = replace(_plain("WebP", WebPImageFile), open_header=WebPHeader)
_AVIF, _HEIC = _format("AVIF", open_avif), _format("HEIC", open_heic)
_RAW = _format("RAW", open_raw)


def detect_format(data: bytes) -> ImageFormat:
    """Detect a file's format from its first bytes; raises UnsupportedImage.

    Pillow's other plugins are never used.
    """
    for magic, image_format in _BY_MAGIC.items():
        if data.startswith(magic):
            if image_format.name == "TIFF" and data.startswith(_PHASE_ONE, _PHASE_ONE_AT):
                raise raw_error()
            return _RAW if image_format.name == "TIFF" and is_raw(data) else image_format
    if _riff_kind(data) == b"WEBP":
        return _WEBP
    brands = _brands(data)
    if data.startswith(_RAW_MAGIC) or _CANON_RAW_BRAND in brands:
        raise raw_error()
    if brands & _AVIF_BRANDS:
        return _AVIF
    if brands & _HEIC_BRANDS:
        return _HEIC
    if brands & _VIDEO_BRANDS or data.startswith(_MATROSKA) or _riff_kind(data) == b"AVI ":
        raise UnsupportedImage(
            "the file is a video; send one of its frames as a picture, or process it with "
            "`facedetect annotate` or `facedetect hide`"
        )
    raise UnsupportedImage(
        f"the file is not an image in a supported format; send {_SUPPORTED_FORMATS}"
    )


def load_plugins() -> None:
    """Import the installed optional plugins, for a process that is about to lose file access."""
    for load in (heif_plugin, jpeg_xl_plugin):
        with suppress(UnsupportedImage):
            load()


def _riff_kind(data: bytes) -> bytes:
    return data[8:12] if data.startswith(b"RIFF") else b""


def _brands(data: bytes) -> set[bytes]:
    """Return the brands in the first box of an ISO media file; empty for other files."""
    if data[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(data[:4]), _MAX_FTYP_BYTES)
    return {data[8:12], *(data[at : at + 4] for at in range(16, end, 4))}
