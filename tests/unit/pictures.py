"""Image files of every format, whole and built to do harm."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pillow_heif
from PIL import Image

from facedetect.images import BGRImage, ImageHeader, ImageLimits, SourceImage

ORIENTATION = 0x0112
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")

QUICK_HEIF: dict[str, Any] = {"enc_params": {"preset": "ultrafast"}}

# What each orientation says was done to the upright image before it was stored.
TURNS: dict[int, Callable[[BGRImage], BGRImage]] = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.transpose(1, 0, 2),
    6: lambda upright: np.rot90(upright, 1),
    7: lambda upright: upright.transpose(1, 0, 2)[::-1, ::-1],
    8: lambda upright: np.rot90(upright, -1),
}


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    if kind == "HEIF":
        pillow_heif.from_pillow(image).save(buffer, **{**QUICK_HEIF, **options})
    elif kind == "AVIF":
        image.save(buffer, kind, **{"speed": 10, **options})
    else:
        image.save(buffer, kind, **options)
    return buffer.getvalue()


def read_header(data: bytes, limits: ImageLimits) -> ImageHeader:
    with SourceImage.open(data, limits) as source:
        return source.header


def rgb(bgr: BGRImage) -> Image.Image:
    return Image.fromarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))


def exif_of(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif


def with_orientation(bgr: BGRImage, orientation: int, kind: str, **options: object) -> bytes:
    exif = exif_of(orientation)
    image = rgb(np.ascontiguousarray(bgr))
    if kind != "HEIF":
        return encode(image, kind, exif=exif, **options)
    buffer = io.BytesIO()
    file = pillow_heif.from_pillow(image)
    file.info["exif"] = exif.tobytes()
    file.save(buffer, **{**QUICK_HEIF, **options})
    return buffer.getvalue()


def with_raw_exif(image: Image.Image, kind: str, exif: bytes) -> bytes:
    """A file with these very bytes as EXIF data."""
    if kind != "JPEG":
        return encode(image, kind, exif=exif)
    data = encode(image, kind)
    return data[:2] + segment(0xE1, b"Exif\0\0" + exif) + data[2:]


def segment(marker: int, content: bytes) -> bytes:
    """Of a JPEG file."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def chunk(name: bytes, content: bytes) -> bytes:
    """Of a PNG file."""
    checksum = struct.pack(">I", zlib.crc32(name + content))
    return struct.pack(">I", len(content)) + name + content + checksum


def png_with(chunks: bytes) -> bytes:
    """A small PNG with these chunks before its pixels."""
    data = encode(Image.new("RGB", (8, 8), "red"))
    place = data.index(b"IDAT") - 4
    return data[:place] + chunks + data[place:]


def gif_with(blocks: bytes) -> bytes:
    """A small GIF with these blocks before its frame."""
    data = encode(Image.new("P", (8, 8)), "GIF")
    place = data.index(b",\0\0\0\0")
    return data[:place] + blocks + data[place:]


def jpeg_of_scans(count: int) -> bytes:
    """A progressive JPEG whose last scan is repeated."""
    data = encode(Image.new("RGB", (64, 64), "red"), "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * (count - data.count(b"\xff\xda")) + data[-2:]


def tiff_of(*entries: tuple[int, int, int, int], content: bytes = b"", following: int = 0) -> bytes:
    """A TIFF of 8x8 grey pixels; entries are (tag, type, count, value) and win over the usual."""
    usual = {256: (4, 1, 8), 257: (4, 1, 8), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1)}
    usual |= {273: (4, 1, 1000), 277: (3, 1, 1), 278: (4, 1, 8), 279: (4, 1, 64)}
    given = usual | {tag: rest for tag, *rest in entries}
    directory = struct.pack("<H", len(given)) + b"".join(
        struct.pack("<HHII", tag, *rest) for tag, rest in sorted(given.items())
    )
    start = b"II*\0" + struct.pack("<I", 8) + directory + struct.pack("<I", following)
    return start.ljust(1000, b"\0") + (content or bytes(64))


def tiff_of_pages(count: int) -> bytes:
    """A TIFF whose pages all have the same pixels; Pillow would write it in quadratic time."""
    first = tiff_of()
    directory = first[8 : 8 + 2 + 12 * 9]  # its nine entries
    pages, size = bytearray(first), len(directory) + 4
    struct.pack_into("<I", pages, 8 + len(directory), len(first))
    for page in range(1, count):
        following = len(pages) + size if page + 1 < count else 0
        pages += directory + struct.pack("<I", following)
    return bytes(pages)


def coded_larger_than_said(kind: str, side: int) -> bytes:
    """A HEIC or AVIF file of side x side pixels that says it has 64x64."""
    options = {"tile_size": 0} if kind == "HEIF" else {"speed": 10}
    data = bytearray(encode(Image.new("RGB", (side, side)), kind, **options))
    place = data.index(b"ispe") + 8
    data[place : place + 8] = struct.pack(">II", 64, 64)
    return bytes(data)


def avif_of_repeated_bytes(times: int) -> bytes:
    """An AVIF file whose picture consists of the same bytes so many times."""
    data = bytearray(encode(Image.new("RGB", (64, 64)), "AVIF"))
    box = data.index(b"iloc") - 4
    (size,) = struct.unpack_from(">I", data, box)
    offset, length = struct.unpack_from(">II", data, box + size - 8)
    added = 8 * (times - 1)
    struct.pack_into(">I", data, box, size + added)
    struct.pack_into(">H", data, box + size - 10, times)
    data[box + size - 8 : box + size] = struct.pack(">II", offset + added, length) * times
    _grow_meta(data, added)
    return bytes(data)


def heic_with(*boxes: bytes) -> bytes:
    """A HEIC file that has these boxes in its list of pictures, and no picture."""
    return box(b"ftyp", b"heic\0\0\0\0heic") + box(b"meta", bytes(4) + b"".join(boxes))


def box(kind: bytes, content: bytes) -> bytes:
    """Of a HEIC or AVIF file."""
    return struct.pack(">I4s", 8 + len(content), kind) + content


def heic_of_tiles(rows: int, columns: int) -> bytes:
    """A HEIC file of 64x64 pixels that is made of so many tiles of 512x512."""
    data = bytearray(encode(Image.new("RGB", (1024, 1024)), "HEIF", tile_size=512))
    _say_size_of_grid(data, rows, columns)
    count = rows * columns
    parts = struct.pack(">I4sHH", 12 + 2 * count, b"dimg", 1, count)
    parts += b"".join(struct.pack(">H", 2 + index % 4) for index in range(count))
    references = struct.pack(">I4sI", 12 + len(parts), b"iref", 0) + parts
    place = data.index(b"iref") - 4
    (old,) = struct.unpack_from(">I", data, place)
    data[place : place + old] = references
    _move_pixels(data, len(references) - old)
    return bytes(data)


def _say_size_of_grid(data: bytearray, rows: int, columns: int) -> None:
    place = data.index(b"idat") + 4
    data[place + 2 : place + 8] = struct.pack(">BBHH", rows - 1, columns - 1, 64, 64)
    place = data.index(b"ispe") + 8  # the first is the grid's own
    data[place : place + 8] = struct.pack(">II", 64, 64)


def _move_pixels(data: bytearray, by: int) -> None:
    """Mend the sizes and offsets after `by` bytes were added to the list of pictures."""
    _grow_meta(data, by)
    place = data.index(b"iloc") + 12
    for entry in range(place, place + 16 * 5, 16):
        method, (offset,) = data[entry + 3], struct.unpack_from(">I", data, entry + 8)
        if method == 0:
            struct.pack_into(">I", data, entry + 8, offset + by)


def _grow_meta(data: bytearray, by: int) -> None:
    place = data.index(b"meta") - 4
    (size,) = struct.unpack_from(">I", data, place)
    struct.pack_into(">I", data, place, size + by)
