"""HEIC and AVIF files."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

from PIL import Image
from PIL.AvifImagePlugin import AvifImageFile

from facedetect.errors import UnsupportedImage
from facedetect.extras import requires_extra

# The entry in a file's item list that marks EXIF data (ISO 14496-12, 8.11.6).
_EXIF_ITEM = re.compile(rb"(infe[\2\3]...(?:..|....)..)Exif", re.DOTALL)
# A box type that no item has.
_NO_TYPE = rb"\1free"


def open_heic(data: bytes) -> Image.Image:
    """Open the primary picture; raises UnsupportedImage if pillow-heif is not installed."""
    return heif_plugin()(io.BytesIO(data))


def heif_plugin() -> Callable[[io.BytesIO], Image.Image]:
    """Import the plugin; raises UnsupportedImage."""
    with requires_extra("reading HEIC", "heif", UnsupportedImage, otherwise="send JPEG"):
        from pillow_heif import HeifImageFile
    plugin: Callable[[io.BytesIO], Image.Image] = HeifImageFile
    return plugin


def open_avif(data: bytes) -> Image.Image:
    """Open an AVIF file; drop damaged EXIF data, which would make Pillow reject the file."""
    try:
        return AvifImageFile(io.BytesIO(data))
    except Exception:
        without_exif = _EXIF_ITEM.sub(_NO_TYPE, data)
        if without_exif == data:
            raise
        return AvifImageFile(io.BytesIO(without_exif))
