"""Image files of every format, valid and malicious."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pillow_heif
import pillow_jxl  # noqa: F401 - tells Pillow how to write JPEG XL
from PIL import Image

from facedetect.images import BGRImage, ImageHeader, ImageLimits, SourceImage

ORIENTATION = 0x0112
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")

QUICK_HEIF: dict[str, Any] = {"enc_params": {"preset": "ultrafast"}}

# How each orientation transforms the upright image for storage.
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
