"""The segments of a JPEG file."""

from __future__ import annotations

import re

from facedetect.errors import ImageTooLarge
from facedetect.images.limits import ImageLimits
from facedetect.images.slim import Pieces, Slim, ends_too_early

# Not 0, which stands for a 255 among the pixels; not 255, which fills; no restart either.
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_WITHOUT_CONTENT = {0x01, 0xD8, 0xD9}
_END_OF_IMAGE = 0xD9
_START_OF_SCAN = 0xDA
_APP1 = 0xE1
# APP0 (JFIF) and APP14 (Adobe) say which colours the numbers mean; they stay.
_METADATA = {*range(0xE1, 0xEE), 0xEF, 0xFE}
_EXIF = b"Exif\0\0"

# Each is a pass over all pixels. Progressive encoders write 10, the most thorough some 20.
_MOST_SCANS = 64


def slim_jpeg(data: bytes, _: ImageLimits) -> Slim:
    """Keep what the pixels need, up to the end of the first picture.

    Phones put depth maps, previews and films behind it. Raises ImageTooLarge if its scans would
    take minutes to decode, InvalidImage for a file that ends too early.
    """
    kept, exif = [data[:2]], b""
    pieces, scans, at = Pieces(data), 0, 2
    while found := _MARKER.search(data, at):
        pieces.count()
        kept.append(data[at : found.start()])
        marker, at = data[found.end() - 1], _end_of_segment(data, found.end())
        segment = data[found.start() : at]
        scans += marker == _START_OF_SCAN
        _check_scans(scans)
        if marker not in _METADATA:
            kept.append(segment)
        elif marker == _APP1 and segment[4:].startswith(_EXIF):
            exif = exif or segment[4:]
        if marker == _END_OF_IMAGE:
            return Slim(b"".join(kept), exif)
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
