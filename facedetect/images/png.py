"""The chunks of a PNG file."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

from facedetect.images.limits import ImageLimits
from facedetect.images.slim import Pieces, Slim, check_frame_count, ends_too_early

_SIGNATURE_BYTES = 8
# Length, name and checksum around a chunk's content.
_CHUNK_BYTES = 12
_FOR_PIXELS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT"}
_EXIF = b"eXIf"
_ANIMATION = b"acTL"
_END = b"IEND"
_PROFILE, _DENSITY = b"iCCP", b"pHYs"
_DENSITY_BYTES, _PER_METRE = 9, 1
_METRES_PER_INCH = 0.0254

MOST_PROFILE_BYTES = 4 * 2**20
"""Colour profiles have 3 kB; those of printers, which are tables, some hundreds."""


def slim_png(data: bytes, limits: ImageLimits) -> Slim:
    """Keep the chunks that the pixels of the first frame need.

    Texts and colour profiles, which may be compressed bombs, are not looked into.
    Raises ImageTooLarge for an animation, InvalidImage for a file that ends too early.
    """
    kept, exif = [data[:_SIGNATURE_BYTES]], b""
    for name, at, end in _chunks(data):
        content = slice(at + 8, end - 4)
        if name in _FOR_PIXELS or name == _END:
            kept.append(data[at:end])
        elif name == _EXIF:
            exif = exif or data[content]
        elif name == _ANIMATION:
            check_frame_count("PNG", int.from_bytes(data[content][:4]), limits)
    return Slim(b"".join(kept), exif)


def read_png_extras(data: bytes) -> dict[str, Any]:
    """What Pillow's `info` would say of a whole file's colour profile and resolution."""
    extras: dict[str, Any] = {}
    for name, at, end in _chunks(data):
        content = data[at + 8 : end - 4]
        if name == _PROFILE:
            extras["icc_profile"] = _unpacked(content)
        elif name == _DENSITY and len(content) == _DENSITY_BYTES and content[8] == _PER_METRE:
            across, down = int.from_bytes(content[:4]), int.from_bytes(content[4:8])
            extras["dpi"] = across * _METRES_PER_INCH, down * _METRES_PER_INCH
    return extras


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name, beginning and end of each chunk up to the last; raises InvalidImage without one."""
    pieces, at = Pieces(data), _SIGNATURE_BYTES
    while at + _CHUNK_BYTES <= len(data):
        pieces.count()
        length, name = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        end = at + _CHUNK_BYTES + length
        if end > len(data):
            break
        yield name, at, end
        if name == _END:
            return
        at = end
    raise ends_too_early()


def _unpacked(content: bytes) -> bytes:
    """The profile of an iCCP chunk: behind a name and the method's number; empty if broken."""
    _, _, packed = content.partition(b"\0")
    try:
        return zlib.decompressobj().decompress(packed[1:], MOST_PROFILE_BYTES)
    except zlib.error:
        return b""
