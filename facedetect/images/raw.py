"""RAW photographs (DNG, NEF, CR2, ARW, ...): open the preview inside."""

from __future__ import annotations

import struct
from contextlib import suppress

from PIL import ExifTags, Image

from facedetect.errors import ImageError, UnsupportedImage
from facedetect.images.jpeg import open_jpeg
from facedetect.images.tiff import open_page
from facedetect.images.tiff_directory import TiffDirectory, read_pages, read_sub_directories

_WIDTH, _LENGTH, _PHOTOMETRIC, _DNG_VERSION = 256, 257, 262, 50706
_JPEG_AT, _JPEG_BYTES, _STRIP_AT, _STRIP_BYTES = 513, 514, 273, 279
_SENSOR = {32803, 34892}
_CANON = b"CR"
_CANON_AT = 8
_JPEG = b"\xff\xd8\xff"
# A preview's share of all pixels: a sensor has a few more, previews for screens have far fewer.
_MIN_SHARE = 0.5


def is_raw(data: bytes) -> bool:
    """Return whether a TIFF file holds raw sensor data."""
    if data.startswith(_CANON, _CANON_AT):
        return True
    try:
        return any(
            _DNG_VERSION in picture.fields or picture.number(_PHOTOMETRIC) in _SENSOR
            for picture in _pictures(data)
        )
    except struct.error:
        return False


def open_raw(data: bytes) -> Image.Image:
    """Open the largest preview in a RAW file; raises UnsupportedImage if all are small."""
    pictures = _pictures(data)
    previews = [preview for picture in pictures if (preview := _open_preview(data, picture))]
    full = max((_pixels(picture) for picture in pictures), default=0)
    largest = max(previews, key=lambda image: image.width * image.height, default=None)
    if largest is None or largest.width * largest.height < _MIN_SHARE * full:
        raise raw_error()
    orientation = pictures[0].number(ExifTags.Base.Orientation, 1)
    exif = largest.getexif()
    exif.setdefault(ExifTags.Base.Orientation, orientation)
    return largest


def raw_error() -> UnsupportedImage:
    """Return the error for a RAW file without a suitable preview."""
    return UnsupportedImage(
        "the file is a RAW photograph without a full-size preview; develop it and send the JPEG"
    )


def _pictures(data: bytes) -> list[TiffDirectory]:
    return [
        picture
        for page in read_pages(data)
        for picture in (page, *read_sub_directories(data, page))
    ]


def _pixels(picture: TiffDirectory) -> int:
    return picture.number(_WIDTH) * picture.number(_LENGTH)


def _open_preview(data: bytes, picture: TiffDirectory) -> Image.Image | None:
    """Open the picture in a directory; None for sensor data and for what cannot be decoded."""
    if picture.number(_PHOTOMETRIC) in _SENSOR:
        return None
    with suppress(ImageError, OSError, SyntaxError, ValueError, TypeError, struct.error):
        for at_tag, bytes_tag in ((_JPEG_AT, _JPEG_BYTES), (_STRIP_AT, _STRIP_BYTES)):
            at, size = picture.number(at_tag), picture.number(bytes_tag)
            if data.startswith(_JPEG, at) and len(picture.numbers(at_tag)) == 1:
                return open_jpeg(data[at : at + size])
        return open_page(data, picture)
    return None
