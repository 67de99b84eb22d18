"""The chunks of a PNG file."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from facedetect.images.colour import MAX_PROFILE_BYTES
from facedetect.images.limits import ImageLimits, check_frame_count, truncated_error

_SIGNATURE_BYTES = 8
# Length, name and checksum around a chunk's contents.
_CHUNK_BYTES = 12
_END = b"IEND"
_NEEDED_FOR_PIXELS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", _END}
_EXIF = b"eXIf"
_ANIMATION = b"acTL"
_PROFILE, _DENSITY = b"iCCP", b"pHYs"
_DENSITY_BYTES, _PER_METRE = 9, 1
_METRES_PER_INCH = 0.0254


def open_png(data: bytes, limits: ImageLimits) -> Image.Image:
    """Open a PNG file, reduced to the chunks that the first frame's pixels need.

    Pillow rejects files whose text, profile or other chunks are damaged.
    Raises ImageTooLarge for an animation, InvalidImage for a truncated file.
    """
    view, exif = memoryview(data), b""
    parts = [view[:_SIGNATURE_BYTES]]
    for name, start, end in _chunks(data):
        if name in _NEEDED_FOR_PIXELS:
            parts.append(view[start:end])
        elif name == _EXIF:
            exif = exif or data[start + 8 : end - 4]
        elif name == _ANIMATION:
            check_frame_count("PNG", int.from_bytes(data[start + 8 : end - 4][:4]), limits)
    image = PngImageFile(io.BytesIO(b"".join(parts)))
    image.info["exif"] = exif
    return image


def read_png_metadata(data: bytes) -> dict[str, Any]:
    """Read the colour profile and resolution, under the names of Pillow's `info`."""
    metadata: dict[str, Any] = {}
    for name, start, end in _chunks(data):
        content = data[start + 8 : end - 4]
        if name == _PROFILE:
            metadata["icc_profile"] = _decompress_profile(content)
        elif name == _DENSITY and len(content) == _DENSITY_BYTES and content[8] == _PER_METRE:
            across, down = int.from_bytes(content[:4]), int.from_bytes(content[4:8])
            metadata["dpi"] = across * _METRES_PER_INCH, down * _METRES_PER_INCH
    return metadata


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, start and end of each chunk; raises InvalidImage if the last is missing."""
    at = _SIGNATURE_BYTES
    while at + _CHUNK_BYTES <= len(data):
        length, name = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        end = at + _CHUNK_BYTES + length
        if end > len(data):
            break
        yield name, at, end
        if name == _END:
            return
        at = end
    raise truncated_error()


def _decompress_profile(content: bytes) -> bytes:
    """Decompress the profile after an iCCP chunk's name and method; empty if damaged."""
    _, _, compressed = content.partition(b"\0")
    try:
        return zlib.decompressobj().decompress(compressed[1:], MAX_PROFILE_BYTES)
    except zlib.error:
        return b""
