"""JPEG files: keep what the pixels need, and check that all pixels are there."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from PIL import Image, ImageChops
from PIL.JpegImagePlugin import JpegImageFile

from facedetect.errors import UnsupportedImage
from facedetect.images.limits import truncated_error

if TYPE_CHECKING:
    from PIL._imaging import PixelAccess

# Not 0, which escapes a 255 in the pixel data, nor 255, which is padding, nor restart markers.
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
_WITHOUT_CONTENT = {0x01, _START, _END}
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE_FRAMES = {0xC2, 0xCA}
_APP1, _APP2 = 0xE1, 0xE2
# APP0 (JFIF) and APP14 (Adobe) define the colour space, so they stay.
_METADATA = {*range(0xE1, 0xEE), 0xEF, 0xFE}
_EXIF = b"Exif\0\0"
# Part of a colour profile: marker, length, this name, the part's number and the number of parts.
_PROFILE = b"ICC_PROFILE\0"
_MIN_PROFILE_BYTES = 4 + len(_PROFILE) + 2

_END_MARK = b"\xff\xd9"
# Bits that decode differently from the zeros that libjpeg assumes after the end: more than any
# block of pixels has, after each restart marker that may be due.
_SOME_BITS = b"\xaa" * 4096
_OTHER_BITS = _SOME_BITS + b"".join(bytes([0xFF, 0xD0 + n]) + _SOME_BITS for n in range(8))


def open_jpeg(data: bytes) -> Image.Image:
    """Open a JPEG file, reduced to what its first picture needs and the colour profile.

    Pillow rejects files with damaged metadata or stray bytes between segments. Phones append depth
    maps, previews and videos. Raises InvalidImage for a truncated file, UnsupportedImage for
    samples of more than 8 bits.
    """
    parts, exif, has_end = _without_metadata(data)
    if has_end:
        image = JpegImageFile(io.BytesIO(b"".join([*parts, _END_MARK])))
    else:
        image = _JpegWithoutEnd(b"".join(parts).rstrip(b"\xff"))
    image.info["exif"] = exif
    return image


class _JpegWithoutEnd(JpegImageFile):
    """A JPEG file without its end marker, which some cameras omit: pixels may be missing or not.

    libjpeg invents missing pixels. So the file is decoded twice, with different bits appended: if
    no pixel is missing, both results are the same.
    """

    def __init__(self, data: bytes) -> None:
        self._with_other_bits = io.BytesIO(data + _OTHER_BITS + _END_MARK)
        super().__init__(io.BytesIO(data + _END_MARK))

    def load(self) -> PixelAccess | None:
        is_decoded = not self.tile
        access = super().load()
        if not is_decoded:
            with JpegImageFile(self._with_other_bits) as other:
                if ImageChops.difference(self, other).getbbox() is not None:
                    raise truncated_error()
        return access


def _without_metadata(data: bytes) -> tuple[list[memoryview], bytes, bool]:
    """Return the parts up to the end marker, the EXIF data, and whether the marker is there."""
    view, exif = memoryview(data), b""
    parts = [view[:2]]
    scans: _Scans | None = None
    in_scan_since = 0
    for marker, start, end in _segments(data):
        if in_scan_since:
            parts.append(view[in_scan_since:start])
            if marker == _END or (scans is not None and scans.are_complete):
                return parts, exif, marker == _END
        in_scan_since = end if marker == _SCAN else 0
        content = data[start + 4 : end]
        if marker in _FRAMES and scans is None:
            scans = _Scans(marker, content)
        elif marker == _SCAN and scans is not None:
            scans.add(content)
        elif marker == _APP1 and content.startswith(_EXIF):
            exif = exif or content
        if marker not in _METADATA | _WITHOUT_CONTENT or _is_profile(marker, start, end, content):
            parts.append(view[start:end])
    if scans is None or not in_scan_since or not scans.are_complete:
        raise truncated_error()
    parts.append(view[in_scan_since:])
    return parts, exif, False


class _Scans:
    """Tracks which coefficients the scans so far lack (ITU T.81, B.2.2, B.2.3 and G.1.1)."""

    def __init__(self, frame_marker: int, frame: bytes) -> None:
        if frame[:1] > b"\x08":
            raise UnsupportedImage(
                f"the JPEG file has {frame[0]} bits per sample; save it with 8, or as a 16-bit PNG"
            )
        self._is_progressive = frame_marker in _PROGRESSIVE_FRAMES
        coefficients = range(64 if self._is_progressive else 1)
        self._missing = {(name, number) for name in frame[6::3] for number in coefficients}

    @property
    def are_complete(self) -> bool:
        return not self._missing

    def add(self, scan: bytes) -> None:
        count = scan[0] if scan else 0
        names, (first, last, precision) = scan[1 : 1 + 2 * count : 2], scan[-3:].rjust(3)
        coefficients = range(first, last + 1) if self._is_progressive else range(1)
        if not self._is_progressive or precision % 16 == 0:  # else later scans add bits
            self._missing -= {(name, number) for name in names for number in coefficients}


def _is_profile(marker: int, start: int, end: int, content: bytes) -> bool:
    """Return whether a segment is part of a colour profile that Pillow can read."""
    is_long_enough = end - start >= _MIN_PROFILE_BYTES
    return marker == _APP2 and is_long_enough and content.startswith(_PROFILE)


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield marker, start and end of each segment."""
    at = 2
    while found := _MARKER.search(data, at):
        marker, at = data[found.end() - 1], found.end()
        if marker not in _WITHOUT_CONTENT:
            at += max(int.from_bytes(data[at : at + 2]), 2)
        yield marker, found.start(), at
