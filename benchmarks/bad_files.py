"""Make broken files like those in real archives, each with its expected error."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pillow_heif
from PIL import Image

from benchmarks.pictures import PHOTOGRAPHS
from facedetect.images import ImageLimits

_SIDE = 160
_FRAMES = 3
_TOO_MANY_BYTES = ImageLimits().max_bytes + 1

Write = Callable[[Path], object]


@dataclass(frozen=True)
class BadFile:
    """A file's name, the error class in its report row, and a function that writes it."""

    name: str
    reason: str
    write: Write


def write_bad_files(folder: Path, copies: int = 1) -> dict[str, str]:
    """Write `copies` of each kind; returns the expected errors, by name in the folder."""
    written = {}
    for number in range(copies):
        for bad in bad_files():
            name = f"{number:02}/{bad.name}"
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            bad.write(path)
            written[name] = bad.reason
    return written


def bad_files() -> list[BadFile]:
    """Return one of each kind."""
    return [*_cut_short(), *_of_other_formats(), *_lying(), *_too_large(), *_no_files()]


def _cut_short() -> list[BadFile]:
    """Truncated files."""
    whole = {
        "cut.jpg": encoded("JPEG"),
        "cut-cmyk.jpg": encoded("JPEG", "CMYK"),
        "cut-progressive.jpg": encoded("JPEG", progressive=True),
        "cut.png": encoded("PNG"),
        "cut.webp": encoded("WEBP"),
        "cut.gif": encoded("GIF", "P"),
        "cut.bmp": encoded("BMP"),
        "cut.tif": encoded("TIFF"),
        "cut.heic": encoded("HEIF"),
        "cut.avif": encoded("AVIF"),
    }
    bad = [_of_bytes(name, "InvalidImage", data[: len(data) // 2]) for name, data in whole.items()]
    return [
        *bad,
        _of_bytes("empty.jpg", "InvalidImage", b""),
        _of_bytes("0.heic", "InvalidImage", b""),
    ]


def _of_other_formats() -> list[BadFile]:
    """Files whose bytes are not what their suffix says."""
    page = b"<!doctype html><title>404 Not Found</title>"
    no_image = {
        "notes.jpg": b"Remember to scan the rest of the box.\n",
        "error-page.png": page,
        "scan.tiff": b"%PDF-1.7\n%%EOF\n",
        "box.bmp": b"PK\3\4" + bytes(40),
        "wiped.jpg": bytes(4096),
        "drawing.webp": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        os.fsdecode(b"caf\xe9.jpg"): page,  # Latin-1, as in old archives
    }
    return [_of_bytes(name, "UnsupportedImage", data) for name, data in no_image.items()]


def _lying() -> list[BadFile]:
    """Files whose headers contradict the rest."""
    jpeg, png = encoded("JPEG"), encoded("PNG")
    scan = jpeg.index(b"\xff\xda")
    bad = {
        "no-tables.jpg": jpeg[: jpeg.index(b"\xff\xdb")] + jpeg[jpeg.index(b"\xff\xc0") :],
        "no-scan.jpg": jpeg[:scan] + b"\xff\xd9",
        "wrong-checksum.png": _flipped(png, png.index(b"IDAT") + 8),
        "no-pixels.png": _png_header(0, 0),
        "larger-than-it-is.bmp": _resized_bmp(5000),
        "looped.tif": _looped_tiff(),
    }
    return [_of_bytes(name, "InvalidImage", data) for name, data in bad.items()]


def _too_large() -> list[BadFile]:
    bad = {
        "bomb.png": _png_header(60_000, 60_000),
        "animated.gif": encoded("GIF", "P", **_several()),
        "pages.tif": encoded("TIFF", **_several()),
        "animated.webp": encoded("WEBP", **_several()),
    }
    files = [_of_bytes(name, "ImageTooLarge", data) for name, data in bad.items()]
    return [*files, BadFile("sparse.jpg", "ImageTooLarge", _write_sparse)]


def _no_files() -> list[BadFile]:
    """Broken links, and files that would never end."""
    writers: dict[str, Write] = {
        "gone.jpg": lambda path: path.symlink_to("moved-away.jpg"),
        "round.jpg": lambda path: path.symlink_to(path.name),
        "pipe.jpg": os.mkfifo,
        "endless.jpg": lambda path: path.symlink_to("/dev/zero"),
    }
    return [BadFile(name, "InvalidImage", write) for name, write in writers.items()]


def _of_bytes(name: str, reason: str, data: bytes) -> BadFile:
    return BadFile(name, reason, lambda path: path.write_bytes(data))


def encoded(format_: str, mode: str = "RGB", **options: Any) -> bytes:
    """Encode a small photograph in a format that Pillow writes."""
    buffer = io.BytesIO()
    with Image.open(PHOTOGRAPHS / "astronaut.jpg") as photograph:
        image = photograph.resize((_SIDE, _SIDE)).convert(mode)
    if format_ == "HEIF":
        pillow_heif.from_pillow(image).save(buffer)
    else:
        image.save(buffer, format_, **options)
    return buffer.getvalue()


def _several() -> dict[str, Any]:
    """Save options for a file of several frames or pages."""
    others = [Image.new("RGB", (_SIDE, _SIDE), (60 * n, 0, 0)) for n in range(1, _FRAMES)]
    return {"save_all": True, "append_images": others}


def _flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


def _png_header(width: int, height: int) -> bytes:
    """Return a PNG file of a few bytes whose header declares that many pixels."""
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0),
        b"IDAT": b"",
        b"IEND": b"",
    }
    encoded_chunks = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks.items()
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(encoded_chunks)


def _resized_bmp(height: int) -> bytes:
    data = bytearray(encoded("BMP"))
    struct.pack_into("<i", data, 22, height)
    return bytes(data)


def _looped_tiff() -> bytes:
    """A TIFF directory that is its own successor."""
    width = struct.pack("<HHII", 256, 4, 1, _SIDE)
    return b"II*\0" + struct.pack("<IH", 8, 1) + width + struct.pack("<I", 8)


def _write_sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.write(encoded("JPEG"))
        file.truncate(_TOO_MANY_BYTES)
