"""JPEG XL files."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from PIL import ExifTags, Image, ImageOps
from PIL.ImageFile import ImageFile

from facedetect.errors import InvalidImage, UnsupportedImage
from facedetect.extras import requires_extra

if TYPE_CHECKING:
    from PIL._imaging import PixelAccess

# The picture's first bytes, bare or in a box (ISO 18181-2, 9.8 and 9.9).
_PICTURE = re.compile(rb"(?:^|jxlc|jxlp....)\xff\x0a", re.DOTALL)
_HEADER_BYTES = 16
# The bits of a side, selected by the two bits before, and the aspect ratios (18181-1, D.2).
_SIDE_BITS = (9, 13, 18, 30)
_RATIOS = (None, (1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_FIRST_SWAPPED_ORIENTATION = 5


def open_jpeg_xl(data: bytes) -> Image.Image:
    """Open a JPEG XL file; raises UnsupportedImage if pillow-jxl-plugin is not installed."""
    return _JpegXl(data)


def jpeg_xl_plugin() -> Callable[[io.BytesIO], Image.Image]:
    """Import the plugin; raises UnsupportedImage."""
    with requires_extra("reading JPEG XL", "heif", UnsupportedImage, otherwise="send JPEG"):
        from pillow_jxl.JpegXLImagePlugin import JXLImageFile
    plugin: Callable[[io.BytesIO], Image.Image] = JXLImageFile
    return plugin


class _JpegXl(ImageFile):
    """A JPEG XL file. The plugin decodes it in one go: mode and metadata come with the pixels.

    Size and pixels are upright.
    """

    format = "JXL"

    def __init__(self, data: bytes) -> None:
        self._data, self._plugin = data, jpeg_xl_plugin()
        super().__init__(io.BytesIO())

    def _open(self) -> None:
        self._size = _read_upright_size(self._data)
        self._mode = "RGB"
        self.getexif()[ExifTags.Base.Orientation] = 1

    def load(self) -> PixelAccess | None:
        if self._im is None:
            with self._plugin(io.BytesIO(self._data)) as file:
                file.load()
                # The plugin returns transcoded JPEG files as they were.
                upright = ImageOps.exif_transpose(file) if getattr(file, "jpeg", False) else file
                self.info = dict(file.info)
                self.im, self._mode, self._size = upright.im, upright.mode, upright.size
        return Image.Image.load(self)


def _read_upright_size(data: bytes) -> tuple[int, int]:
    picture = _PICTURE.search(data)
    if picture is None:
        raise InvalidImage("the JPEG XL file contains no picture; send the original, complete file")
    bits = _Bits(data[picture.end() : picture.end() + _HEADER_BYTES])
    is_small = bits.read(1)
    height = _read_side(bits, is_small)
    ratio = _RATIOS[bits.read(3)]
    width = height * ratio[0] // ratio[1] if ratio else _read_side(bits, is_small)
    has_orientation = not bits.read(1) and bits.read(1)
    orientation = 1 + bits.read(3) if has_orientation else 1
    return (height, width) if orientation >= _FIRST_SWAPPED_ORIENTATION else (width, height)


def _read_side(bits: _Bits, is_small: int) -> int:
    if is_small:
        return 8 * (bits.read(5) + 1)
    return bits.read(_SIDE_BITS[bits.read(2)]) + 1


class _Bits:
    """Reads numbers from bytes, lowest bit first."""

    def __init__(self, data: bytes) -> None:
        self._left = int.from_bytes(data, "little")

    def read(self, count: int) -> int:
        value = self._left & ((1 << count) - 1)
        self._left >>= count
        return value
