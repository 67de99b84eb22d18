"""TIFF pages assembled from their samples, whatever their number, depth and order.

Through Pillow, libtiff unpacks the bytes of a strip or tile as if they were 8-bit grey pixels.
The page's fields say what they mean (TIFF 6.0, sections 3 to 6, 14 to 16 and 18).
"""

from __future__ import annotations

import io
import struct
from itertools import product

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags
from PIL.TiffImagePlugin import TiffImageFile

from facedetect.images.array_file import ArrayFile
from facedetect.images.limits import truncated_error
from facedetect.images.tiff_directory import TiffDirectory

COMPRESSIONS = {
    1: "raw", 5: "tiff_lzw", 8: "tiff_adobe_deflate", 32773: "packbits", 32946: "tiff_deflate",
    34925: "lzma", 50000: "zstd",
}  # fmt: skip
"""The supported compressions, with Pillow's names."""

_WIDTH, _LENGTH, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 256, 257, 258, 259, 262, 266
_STRIP_OFFSETS, _SAMPLES, _ROWS, _STRIP_BYTES, _PLANAR, _PREDICTOR = 273, 277, 278, 279, 284, 317
_TILE_WIDTH, _TILE_LENGTH, _TILE_OFFSETS, _TILE_BYTES = 322, 323, 324, 325
_EXTRA_SAMPLES, _SAMPLE_FORMAT = 338, 339
_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT, _PROFILE = 282, 283, 296, 34675
_CENTIMETRES, _PER_CENTIMETRE = 3, 2.54

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _CMYK = 0, 1, 2, 5
_MODES = {_WHITE_IS_ZERO: "L", _BLACK_IS_ZERO: "L", _RGB: "RGB", _CMYK: "CMYK"}
_COLOURS = {"L": 1, "RGB": 3, "CMYK": 4}
_PHOTOMETRIC_NAMES = {
    0: "greyscale", 1: "greyscale", 2: "RGB", 3: "palette", 4: "mask", 5: "CMYK", 6: "YCbCr",
    8: "Lab", 9: "Lab", 10: "Lab", 32803: "raw sensor", 32844: "LogL", 32845: "LogLuv",
    34892: "raw sensor",
}  # fmt: skip
_KINDS = {1: "", 2: " signed", 3: " floating-point", 4: "", 5: " complex", 6: " complex"}
_UNSIGNED = {1, 4}  # 4 is "undefined"
_SEPARATE, _LSB_FIRST, _DIFFERENCES = 2, 2, 2
_PREMULTIPLIED, _STRAIGHT = 1, 2
_MAX_BITS = 16
_BAND_ROWS = 256
_LONG, _RAW = 4, 1
_STRIP_AT = 128  # after the directory
_REVERSED_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


Bytes = bytes | memoryview


def describe_layout(page: TiffDirectory) -> str:
    """Describe a page's layout: "32-bit floating-point RGB pixels with 3 samples"."""
    bits = "/".join(str(bits) for bits in sorted(set(page.numbers(_BITS)) or {1}))
    kind = _KINDS.get(page.number(_SAMPLE_FORMAT, 1), " unknown")
    photometric = page.number(_PHOTOMETRIC, _BLACK_IS_ZERO)
    colours = _PHOTOMETRIC_NAMES.get(photometric, f"photometric {photometric}")
    return f"{bits}-bit{kind} {colours} pixels with {page.number(_SAMPLES, 1)} samples"


def is_known_layout(page: TiffDirectory) -> bool:
    """Return whether SampledTiff can assemble the page."""
    bits, count = set(page.numbers(_BITS)) or {1}, page.number(_SAMPLES, 1)
    mode = _MODES.get(page.number(_PHOTOMETRIC, _BLACK_IS_ZERO))
    has_differences = page.number(_PREDICTOR, 1) != 1
    return (
        mode is not None
        and page.number(_COMPRESSION, 1) in COMPRESSIONS
        and count >= _COLOURS[mode]
        and len(bits) == 1
        and 0 < min(bits) <= _MAX_BITS
        and set(page.numbers(_SAMPLE_FORMAT)) <= _UNSIGNED
        and (not has_differences or bits <= {8, 16})
        and page.number(_PREDICTOR, 1) in {1, _DIFFERENCES}
    )


class SampledTiff(ArrayFile):
    """A page for which `is_known_layout` holds; transparency is composited over white."""

    format = "TIFF"

    def __init__(self, data: bytes, page: TiffDirectory) -> None:
        self._page = page
        super().__init__(data)

    def _open(self) -> None:
        page = self._page
        self._photometric = page.number(_PHOTOMETRIC, _BLACK_IS_ZERO)
        self._mode = _MODES[self._photometric]
        self._size = page.number(_WIDTH), page.number(_LENGTH)
        self._count, self._bits = page.number(_SAMPLES, 1), page.number(_BITS, 1)
        self._per_pixel = 1 if page.number(_PLANAR) == _SEPARATE else self._count
        self._tile_width = page.number(_TILE_WIDTH)
        self._part_width = self._tile_width or self.width
        rows = page.number(_TILE_LENGTH) if self._tile_width else page.number(_ROWS)
        self._part_rows = rows if self._tile_width else min(rows or self.height, self.height)
        tags = (_TILE_OFFSETS, _TILE_BYTES) if self._tile_width else (_STRIP_OFFSETS, _STRIP_BYTES)
        self._starts, sizes = (page.numbers(tag) for tag in tags)
        to_the_end = len(self._starts) * (len(self.data),)
        self._sizes = sizes if len(sizes) == len(self._starts) else to_the_end
        self.info["compression"] = COMPRESSIONS[page.number(_COMPRESSION, 1)]
        if _PROFILE in page.fields:
            self.info["icc_profile"] = bytes(page.fields[_PROFILE][1])
        if dpi := _resolution(page):
            self.info["dpi"] = dpi
        self.getexif()[ExifTags.Base.Orientation] = page.number(ExifTags.Base.Orientation, 1)

    def read_pixels(self) -> NDArray[np.uint8]:
        """Decode a tile or a few strips at a time: samples may take more memory than pixels."""
        width, height = self.size
        pixels = np.empty((height, width, _COLOURS[self.mode]), np.uint8)
        count = 1 if self._tile_width else max(_BAND_ROWS // self._part_rows, 1)
        block_rows = count * self._part_rows
        corners = product(range(0, height, block_rows), range(0, width, self._part_width))
        for number, (top, left) in enumerate(corners):
            target = pixels[top : top + block_rows, left : left + self._part_width]
            planes = self._planes(slice(number * count, (number + 1) * count), len(target))
            for band in range(0, len(target), _BAND_ROWS):
                some = slice(band, band + _BAND_ROWS)
                samples = [self._samples(plane[some]) for plane in planes]
                colours = self._colours(np.concatenate(samples, axis=2))
                target[some] = colours[:, : target.shape[1]]
        return pixels

    def _planes(self, parts: slice, rows: int) -> list[NDArray[np.uint8]]:
        """Unpack the first rows of a tile or of strips, one array per plane."""
        planes = self._count // self._per_pixel
        per_plane = len(self._starts) // planes
        unpacked = []
        for first in range(0, planes * per_plane, per_plane):
            starts = self._starts[first : first + per_plane][parts]
            sizes = self._sizes[first : first + per_plane][parts]
            unpacked.append(self._unpacked(list(zip(starts, sizes, strict=True)), rows))
        return unpacked

    def _unpacked(self, spans: list[tuple[int, int]], rows: int) -> NDArray[np.uint8]:
        """Unpack rows of bytes from the strips or the tile at these positions in the file."""
        row_bytes = (self._part_width * self._per_pixel * self._bits + 7) // 8
        compression = self._page.number(_COMPRESSION, _RAW)
        part_bytes = self._part_rows * row_bytes
        if compression == _RAW:
            parts = [self._stored(start, part_bytes) for start, _ in spans]
            stored = parts[0] if len(parts) == 1 else b"".join(parts)
            is_cut = any(len(part) < part_bytes for part in parts[:-1])
            if is_cut or len(stored) < rows * row_bytes:
                raise truncated_error()
            return np.frombuffer(stored, np.uint8, rows * row_bytes).reshape(rows, row_bytes)
        strips = [self._stored(start, size) for start, size in spans]
        height = self._part_rows if self._tile_width else rows
        tiff = _grey_tiff(strips, compression, self._part_rows, (height, row_bytes))
        with TiffImageFile(io.BytesIO(tiff)) as file:
            return np.asarray(file, np.uint8)[:rows]

    def _stored(self, start: int, size: int) -> Bytes:
        """Read bytes of the file, with the first pixel in the highest bits."""
        stored = memoryview(self.data)[start : start + size]
        if self._page.number(_FILL_ORDER) == _LSB_FIRST:
            return bytes(stored).translate(_REVERSED_BITS)
        return stored

    def _samples(self, rows: NDArray[np.uint8]) -> NDArray[np.uint16]:
        """Convert rows of bytes to samples, [height, width, samples]."""
        bits, shape = self._bits, (len(rows), self._part_width, self._per_pixel)
        if bits in {8, 16}:
            number = np.dtype(f"{self._page.layout.order}u{bits // 8}")
            samples = np.ascontiguousarray(rows).view(number).reshape(shape)
        else:
            flags = np.unpackbits(rows, axis=1)[:, : self._part_width * self._per_pixel * bits]
            samples = (flags.reshape(*shape, bits) * (1 << np.arange(bits)[::-1])).sum(axis=3)
        if self._page.number(_PREDICTOR, 1) == _DIFFERENCES:
            samples = samples.cumsum(axis=1, dtype=f"u{bits // 8}")
        return samples.astype(np.uint16)

    def _colours(self, samples: NDArray[np.uint16]) -> NDArray[np.uint8]:
        """Convert samples to 8-bit pixels of the mode, without transparency."""
        eight_bits = _to_8_bits(samples, self._bits)
        count = _COLOURS[self.mode]
        colours = eight_bits[..., :count]
        if self._photometric == _WHITE_IS_ZERO:
            colours = 255 - colours
        extras = self._page.numbers(_EXTRA_SAMPLES)
        if not extras and self._count == _COLOURS["RGB"] + 1 and self.mode == "RGB":
            extras = (_STRAIGHT,)  # programs often omit what the fourth sample is
        kind = next((kind for kind in extras if kind in {_PREMULTIPLIED, _STRAIGHT}), None)
        if kind is None:
            return colours
        alpha = eight_bits[..., count + extras.index(kind)][..., np.newaxis].astype(np.uint32)
        paper = 0 if self.mode == "CMYK" else 255
        ink = colours.astype(np.uint32) * (255 if kind == _PREMULTIPLIED else alpha)
        laid = (ink + paper * (255 - alpha) + 127) // 255
        return np.asarray(laid.clip(0, 255), np.uint8)


def _to_8_bits(samples: NDArray[np.uint16], bits: int) -> NDArray[np.uint8]:
    if bits >= 8:  # noqa: PLR2004 - a byte
        return np.asarray(samples >> (bits - 8), np.uint8)
    return np.asarray(samples * 255 // (2**bits - 1), np.uint8)


def _resolution(page: TiffDirectory) -> tuple[float, float] | None:
    """Dots per inch."""
    fractions = page.numbers(_X_RESOLUTION) + page.numbers(_Y_RESOLUTION)
    if len(fractions) != 4 or 0 in fractions:  # noqa: PLR2004 - two fractions
        return None
    factor = _PER_CENTIMETRE if page.number(_RESOLUTION_UNIT) == _CENTIMETRES else 1
    return factor * fractions[0] / fractions[1], factor * fractions[2] / fractions[3]


def _grey_tiff(
    strips: list[Bytes], compression: int, strip_rows: int, shape: tuple[int, int]
) -> bytes:
    """Wrap strips as a TIFF file of 8-bit grey pixels, [height, width]."""
    sizes = np.array([len(strip) for strip in strips])
    lists = {_STRIP_OFFSETS: _STRIP_AT + 8 * len(strips) + sizes.cumsum() - sizes}
    lists |= {_STRIP_BYTES: sizes}
    fields = {
        _WIDTH: shape[1], _LENGTH: shape[0], _BITS: 8, _COMPRESSION: compression,
        _PHOTOMETRIC: _BLACK_IS_ZERO, _STRIP_OFFSETS: _STRIP_AT, _SAMPLES: 1, _ROWS: strip_rows,
        _STRIP_BYTES: _STRIP_AT + 4 * len(strips),
    }  # fmt: skip
    if len(strips) == 1:
        fields |= {tag: int(places[0]) for tag, places in lists.items()}
    entries = [
        struct.pack("<HHII", tag, _LONG, len(strips) if tag in lists else 1, value)
        for tag, value in fields.items()
    ]
    header = struct.pack("<2sHIH", b"II", 42, 8, len(entries)) + b"".join(entries)
    places = b"".join(places.astype("<u4").tobytes() for places in lists.values())
    return header.ljust(_STRIP_AT, b"\0") + places + b"".join(strips)
