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
# Part of a colour profile: the marker, the length, this name, the part's number and their total.
_PROFILE = b"ICC_PROFILE\0"
_MIN_PROFILE_BYTES = 4 + len(_PROFILE) + 2

# Each scan is a pass over all pixels. Progressive encoders write 10, the most thorough some 20.
_MAX_SCANS = 64


def strip_jpeg(data: bytes, _: ImageLimits) -> StrippedFile:
    """Keep what the pixels need and the colour profile, up to the end of the first picture.

    Phones append depth maps, previews and videos. Raises ImageTooLarge if decoding all scans would
    take minutes, InvalidImage for a file that ends too early.
    """
    stripped = StrippedFile(data)
    scans = previous_end = 0
    for marker, start, end in _segments(data):
        stripped.keep(previous_end, start)
        scans += marker == _START_OF_SCAN
        _check_scans(scans)
        if marker not in _METADATA or _is_profile(data, marker, start, end):
            stripped.keep(start, end)
        elif marker == _APP1 and data.startswith(_EXIF, start + 4):
            stripped.exif_spans = stripped.exif_spans or [(start + 4, end)]
        previous_end = end
    return stripped


def _is_profile(data: bytes, marker: int, start: int, end: int) -> bool:
    """Whether a segment is part of a colour profile that Pillow does not stumble over."""
    is_long_enough = end - start >= _MIN_PROFILE_BYTES
    return marker == _APP2 and is_long_enough and data.startswith(_PROFILE, start + 4)


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
