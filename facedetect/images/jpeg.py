"""The segments of a JPEG file."""

from __future__ import annotations

import re
from collections.abc import Iterator

from facedetect.errors import ImageTooLarge
from facedetect.images.limits import ImageLimits, PieceCounter
from facedetect.images.stripped_file import StrippedFile, truncated_error

# Not 0, which escapes a 255 in the pixel data; not 255, which is padding; no restart markers.
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_WITHOUT_CONTENT = {0x01, 0xD8, 0xD9}
_END_OF_IMAGE = 0xD9
_START_OF_SCAN = 0xDA
_APP1, _APP2 = 0xE1, 0xE2
# APP0 (JFIF) and APP14 (Adobe) define the colour space, so they stay.
_METADATA = {*range(0xE1, 0xEE), 0xEF, 0xFE}
_EXIF = b"Exif\0\0"
# A part of a profile follows the marker, the length, this name, its number and the total.
_PROFILE = b"ICC_PROFILE\0"
_PROFILE_PART_OFFSET = 4 + len(_PROFILE) + 2

# Each scan is a pass over all pixels. Progressive encoders write 10, the most thorough some 20.
_MAX_SCANS = 64


def strip_jpeg(data: bytes, _: ImageLimits) -> StrippedFile:
    """Keep what the pixels need, up to the end of the first picture.

    Phones append depth maps, previews and videos. Raises ImageTooLarge if decoding all scans would
    take minutes, InvalidImage for a file that ends too early.
    """
    stripped, exif = StrippedFile(data), memoryview(b"")
    scans = previous_end = 0
    for marker, start, end in _segments(data):
        stripped.keep(previous_end, start)
        scans += marker == _START_OF_SCAN
        _check_scans(scans)
        if marker not in _METADATA:
            stripped.keep(start, end)
        elif marker == _APP1 and data.startswith(_EXIF, start + 4):
            exif = exif or memoryview(data)[start + 4 : end]
        previous_end = end
    stripped.exif = exif
    return stripped


def read_jpeg_profile(data: bytes) -> bytes:
    """Join the colour profile's parts from their segments; empty if one is missing."""
    parts: dict[int, bytes] = {}
    for marker, start, end in _segments(data):
        if marker == _START_OF_SCAN:
            break
        segment = data[start:end] if marker == _APP2 else b""
        if segment[4:].startswith(_PROFILE) and len(segment) > _PROFILE_PART_OFFSET:
            count = segment[_PROFILE_PART_OFFSET - 1]
            parts[segment[_PROFILE_PART_OFFSET - 2]] = segment[_PROFILE_PART_OFFSET:]
    is_complete = bool(parts) and set(parts) == set(range(1, count + 1))
    return b"".join(parts[number] for number in sorted(parts)) if is_complete else b""


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of each segment up to the last; raises InvalidImage without a last."""
    pieces, at = PieceCounter(data), 2
    while found := _MARKER.search(data, at):
        pieces.count()
        marker, at = data[found.end() - 1], _end_of_segment(data, found.end())
        yield marker, found.start(), at
        if marker == _END_OF_IMAGE:
            return
    raise truncated_error()


def _end_of_segment(data: bytes, at: int) -> int:
    """The end of the segment whose marker ends at `at`."""
    if data[at - 1] in _WITHOUT_CONTENT:
        return at
    return at + max(int.from_bytes(data[at : at + 2]), 2)


def _check_scans(count: int) -> None:
    if count > _MAX_SCANS:
        raise ImageTooLarge(
            f"the JPEG file has more than the {_MAX_SCANS} scans allowed; "
            "save it again as a baseline JPEG"
        )
