"""The segments of a JPEG file."""

from __future__ import annotations

import re
from collections.abc import Iterator

from facedetect.errors import ImageTooLarge
from facedetect.images.limits import ImageLimits
from facedetect.images.slim import Pieces, Slim, ends_too_early

# Not 0, which stands for a 255 among the pixels; not 255, which fills; no restart either.
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_WITHOUT_CONTENT = {0x01, 0xD8, 0xD9}
_END_OF_IMAGE = 0xD9
_START_OF_SCAN = 0xDA
_APP1, _APP2 = 0xE1, 0xE2
# APP0 (JFIF) and APP14 (Adobe) say which colours the numbers mean; they stay.
_METADATA = {*range(0xE1, 0xEE), 0xEF, 0xFE}
_EXIF = b"Exif\0\0"
# Before a part of a profile: marker and length, this word, the part's number, how many there are.
_PROFILE = b"ICC_PROFILE\0"
_PART_AT = 4 + len(_PROFILE) + 2

# Each is a pass over all pixels. Progressive encoders write 10, the most thorough some 20.
_MOST_SCANS = 64


def slim_jpeg(data: bytes, _: ImageLimits) -> Slim:
    """Keep what the pixels need, up to the end of the first picture.

    Phones put depth maps, previews and films behind it. Raises ImageTooLarge if its scans would
    take minutes to decode, InvalidImage for a file that ends too early.
    """
    kept, exif, scans = [data[:2]], b"", 0
    for marker, before, segment in _segments(data):
        kept.append(before)
        scans += marker == _START_OF_SCAN
        _check_scans(scans)
        if marker not in _METADATA:
            kept.append(segment)
        elif marker == _APP1 and segment[4:].startswith(_EXIF):
            exif = exif or segment[4:]
    return Slim(b"".join(kept), exif)


def read_jpeg_profile(data: bytes) -> bytes:
    """The colour profile, of which each segment holds a part; empty if one is missing."""
    parts: dict[int, bytes] = {}
    for marker, _, segment in _segments(data):
        if marker == _START_OF_SCAN:
            break
        if marker == _APP2 and segment[4:].startswith(_PROFILE) and len(segment) > _PART_AT:
            count = segment[_PART_AT - 1]
            parts[segment[_PART_AT - 2]] = segment[_PART_AT:]
    is_whole = bool(parts) and set(parts) == set(range(1, count + 1))
    return b"".join(parts[number] for number in sorted(parts)) if is_whole else b""


def _segments(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Marker of each segment up to the last, what stands before it, and the segment.

    Raises InvalidImage for a file without the last one.
    """
    pieces, at = Pieces(data), 2
    while found := _MARKER.search(data, at):
        pieces.count()
        before = data[at : found.start()]
        marker, at = data[found.end() - 1], _end_of_segment(data, found.end())
        yield marker, before, data[found.start() : at]
        if marker == _END_OF_IMAGE:
            return
    raise ends_too_early()


def _end_of_segment(data: bytes, at: int) -> int:
    """Where the segment ends whose marker ends at `at`."""
    if data[at - 1] in _WITHOUT_CONTENT:
        return at
    return at + max(int.from_bytes(data[at : at + 2]), 2)


def _check_scans(count: int) -> None:
    if count > _MOST_SCANS:
        raise ImageTooLarge(
            f"the JPEG file has more than the {_MOST_SCANS} scans allowed; "
            "save it again as an ordinary one"
        )
