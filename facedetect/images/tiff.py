"""The directories of a TIFF file."""

from __future__ import annotations

import struct

from facedetect.errors import ImageTooLarge, InvalidImage, UnsupportedImage
from facedetect.images.limits import ImageLimits, check_frame_count, check_pixel_count
from facedetect.images.stripped_file import StrippedFile, truncated_error

_BIG_TIFF = (b"II+\0", b"MM\0+")
_COMPRESSION, _TILE_WIDTH, _TILE_LENGTH = 259, 322, 323
# None, LZW, JPEG, deflate, PackBits, deflate by its old number, LZMA, Zstandard and WebP. For each
# broken row of a fax libtiff writes a line to standard error, and there may be millions.
_SUPPORTED_COMPRESSIONS = {1, 5, 7, 8, 32773, 32946, 34925, 50000, 50001}
_NUMBER_FORMATS = {1: "B", 3: "H", 4: "I"}
# BYTE, ASCII, SBYTE and UNDEFINED stay bytes; Pillow makes an object of each value of other types.
_BYTE_TYPES = {1, 2, 6, 7}
_MAX_VALUES = 200_000


def strip_tiff(data: bytes, limits: ImageLimits) -> StrippedFile:
    """Check the directories, and strip nothing, since they hold offsets into the file.

    Raises ImageTooLarge for several pages, for too many strips or tiles and for tiles larger than
    an image may be, UnsupportedImage for BigTIFF and rare compressions.
    """
    if data.startswith(_BIG_TIFF):
        raise UnsupportedImage(
            "BigTIFF files are not supported; save it as an ordinary TIFF or as PNG"
        )
    order = "<" if data.startswith(b"II") else ">"
    try:
        (at,) = struct.unpack_from(f"{order}I", data, 4)
        at = _check_directory(data, order, at, limits)
        pages = 1
        while 0 < at < len(data):
            pages += 1
            check_frame_count("TIFF", pages, limits)
            (entries,) = struct.unpack_from(f"{order}H", data, at)
            (at,) = struct.unpack_from(f"{order}I", data, at + 2 + 12 * entries)
    except struct.error as error:
        raise truncated_error() from error
    return StrippedFile.whole(data)


def _check_directory(data: bytes, order: str, at: int, limits: ImageLimits) -> int:
    """Check the first page's directory; return the next one's offset, 0 if there is none."""
    (entries,) = struct.unpack_from(f"{order}H", data, at)
    numbers: dict[int, int] = {}
    for entry_at in range(at + 2, at + 2 + 12 * entries, 12):
        tag, value_type, count = struct.unpack_from(f"{order}HHI", data, entry_at)
        if count > _MAX_VALUES and value_type not in _BYTE_TYPES:
            raise ImageTooLarge(
                f"the TIFF file has {count} values of tag {tag}, more than the {_MAX_VALUES} "
                "allowed; save it again with larger strips or tiles"
            )
        if tag in {_COMPRESSION, _TILE_WIDTH, _TILE_LENGTH}:
            if tag in numbers or value_type not in _NUMBER_FORMATS or count != 1:
                raise InvalidImage(
                    f"the TIFF file's tag {tag} is not a single number; save it again"
                )
            number_format = order + _NUMBER_FORMATS[value_type]
            (numbers[tag],) = struct.unpack_from(number_format, data, entry_at + 8)
    _check_numbers(numbers, limits)
    (next_at,) = struct.unpack_from(f"{order}I", data, at + 2 + 12 * entries)
    return int(next_at)


def _check_numbers(numbers: dict[int, int], limits: ImageLimits) -> None:
    check_pixel_count(numbers.get(_TILE_WIDTH, 0), numbers.get(_TILE_LENGTH, 0), limits)
    compression = numbers.get(_COMPRESSION, 1)
    if compression not in _SUPPORTED_COMPRESSIONS:
        raise UnsupportedImage(
            f"the TIFF file has the compression {compression}, which is not supported; "
            "save it with LZW or deflate"
        )
