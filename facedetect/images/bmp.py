"""BMP files."""

from __future__ import annotations

import io
import struct

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile

from facedetect.errors import UnsupportedImage
from facedetect.images.array_file import ArrayFile
from facedetect.images.limits import truncated_error

_PIXELS_AT, _HEADER_AT, _MASKS_AT = 10, 14, 54
_UNCOMPRESSED, _BIT_FIELDS, _ALPHA_BIT_FIELDS = 0, 3, 6
_MASKED_BITS = (16, 32)
_CORE_HEADER_BYTES = 12  # OS/2's, without compression
_HEADER_WITH_ALPHA_BYTES = 56
# Red, green, blue if the file does not define them.
_USUAL_MASKS = {16: (0x7C00, 0x3E0, 0x1F), 32: (0xFF0000, 0xFF00, 0xFF)}
_INCH_IN_METRES = 0.0254


def open_bmp(data: bytes) -> Image.Image:
    """Open a BMP file; raises UnsupportedImage for compressions and depths that Pillow lacks."""
    header_bytes = int.from_bytes(data[_HEADER_AT : _HEADER_AT + 4], "little")
    if header_bytes > _CORE_HEADER_BYTES:
        bits, compression = struct.unpack_from("<HI", data, 28)
        is_raw = compression in {_UNCOMPRESSED, _BIT_FIELDS, _ALPHA_BIT_FIELDS}
        if bits in _MASKED_BITS and is_raw:
            return _MaskedBmp(data)
    try:
        return BmpImageFile(io.BytesIO(data))
    except OSError as error:
        if not str(error).startswith("Unsupported"):
            raise
        raise UnsupportedImage(f"{error}; save it as PNG") from error


class _MaskedBmp(ArrayFile):
    """Pixels of 16 or 32 bits; masks locate the channels."""

    format = "BMP"

    def _open(self) -> None:
        width, height, _, bits, compression, _, across, down = struct.unpack_from(
            "<iiHHIIii", self.data, _HEADER_AT + 4
        )
        header_bytes = int.from_bytes(self.data[_HEADER_AT : _HEADER_AT + 4], "little")
        self._bits, self._is_top_down = bits, height < 0
        self._masks: tuple[int, ...] = _USUAL_MASKS[bits]
        alpha = 0
        if compression != _UNCOMPRESSED:
            masks = struct.unpack_from("<3I", self.data, _MASKS_AT)
            self._masks = masks if any(masks) else self._masks
            if header_bytes >= _HEADER_WITH_ALPHA_BYTES or compression == _ALPHA_BIT_FIELDS:
                (alpha,) = struct.unpack_from("<I", self.data, _MASKS_AT + 12)
        self._masks += (alpha,) if alpha else ()
        self._mode = "RGBA" if alpha else "RGB"
        self._size = width, abs(height)
        if across > 0 and down > 0:
            self.info["dpi"] = across * _INCH_IN_METRES, down * _INCH_IN_METRES

    def read_pixels(self) -> NDArray[np.uint8]:
        """Decode the pixels; an alpha channel of only zeros counts as none."""
        width, height = self.size
        row_bytes = (width * self._bits + 31) // 32 * 4
        start = int.from_bytes(self.data[_PIXELS_AT : _PIXELS_AT + 4], "little")
        if start + height * row_bytes > len(self.data):
            raise truncated_error()
        number = np.dtype(f"<u{self._bits // 8}")
        rows = np.frombuffer(self.data, np.uint8, height * row_bytes, start)
        stored = rows.view(number).reshape(height, -1)[:, :width]
        pixels = np.stack([_channel(stored, mask) for mask in self._masks], axis=2)
        if self.mode == "RGBA" and not pixels[..., 3].any():
            pixels[..., 3] = 255
        return pixels if self._is_top_down else pixels[::-1]


def _channel(stored: NDArray[np.unsignedinteger], mask: int) -> NDArray[np.uint8]:
    """Return the bits under a mask, scaled to 0..255."""
    shift = max((mask & -mask).bit_length() - 1, 0)
    most = mask >> shift
    values = (stored & stored.dtype.type(mask)) >> stored.dtype.type(shift)
    if most not in {0, 255}:
        values = (values.astype(np.uint64) * 255 + most // 2) // most
    return np.asarray(values, np.uint8)
