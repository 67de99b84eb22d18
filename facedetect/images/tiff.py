"""The directories of a TIFF file."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from facedetect.errors import ImageTooLarge, InvalidImage, UnsupportedImage
from facedetect.images.limits import ImageLimits, check_frame_count, check_pixel_count
from facedetect.images.stripped_file import StrippedFile, truncated_error

_BIG_TIFF = (b"II+\0", b"MM\0+")
_COMPRESSION, _TILE_WIDTH, _TILE_LENGTH = 259, 322, 323
# None, LZW, JPEG, deflate, PackBits, deflate by its old number, LZMA, Zstandard and WebP. For each
# broken row of a fax libtiff writes a line to standard error, and there may be millions.
_SUPPORTED_COMPRESSIONS = {1, 5, 7, 8, 32773, 32946, 34925, 50000, 50001}
_NUMBER_TYPES = {1, 3, 4}
# BYTE, ASCII, SBYTE and UNDEFINED stay bytes; Pillow makes an object of each value of other types.
_BYTE_TYPES = {1, 2, 6, 7}
_MAX_VALUES = 200_000

VALUE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
"""The length of a value by its type."""
VALUE_BYTES |= {129: 1}  # text in UTF-8, since EXIF 3.0
INLINE_BYTES = 4
"""As many bytes are stored in a directory itself."""


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
        _check_directory(memoryview(data), order, at, limits)
        pages = 0
        while 0 < at < len(data):
            pages += 1
            check_frame_count("TIFF", pages, limits)
            (entries,) = struct.unpack_from(f"{order}H", data, at)
            (at,) = struct.unpack_from(f"{order}I", data, at + 2 + 12 * entries)
    except struct.error as error:
        raise truncated_error() from error
    return StrippedFile.whole(data)


def read_fields(
    data: memoryview, order: str, at: int
) -> Iterator[tuple[int, int, int, memoryview]]:
    """Read tag, type, count and bytes of each field of the directory at `at`.

    `order` of bytes is as `struct` writes it. There are no bytes if they are not all in the file,
    or of an unknown type. Raises struct.error for a truncated directory.
    """
    (fields,) = struct.unpack_from(f"{order}H", data, at)
    for field_at in range(at + 2, at + 2 + 12 * fields, 12):
        tag, value_type, count, start = struct.unpack_from(f"{order}HHII", data, field_at)
        size = VALUE_BYTES.get(value_type, 0) * count
        start = field_at + 8 if size <= INLINE_BYTES else start
        end = start + size if start + size <= len(data) else start
        yield tag, value_type, count, data[start:end]


def to_number(value: bytes | memoryview, order: str) -> int:
    """The value of a single number."""
    return int.from_bytes(value, "little" if order == "<" else "big")


def _check_directory(data: memoryview, order: str, at: int, limits: ImageLimits) -> None:
    """Check what the first page costs."""
    numbers: dict[int, int] = {}
    for tag, value_type, count, value in read_fields(data, order, at):
        if count > _MAX_VALUES and value_type not in _BYTE_TYPES:
            raise ImageTooLarge(
                f"the TIFF file has {count} values of tag {tag}, more than the {_MAX_VALUES} "
                "allowed; save it again with larger strips or tiles"
            )
        if tag in {_COMPRESSION, _TILE_WIDTH, _TILE_LENGTH}:
            if tag in numbers or value_type not in _NUMBER_TYPES or count != 1:
                raise InvalidImage(
                    f"the TIFF file's tag {tag} is not a single number; save it again"
                )
            numbers[tag] = to_number(value, order)
    check_pixel_count(numbers.get(_TILE_WIDTH, 0), numbers.get(_TILE_LENGTH, 0), limits)
    compression = numbers.get(_COMPRESSION, 1)
    if compression not in _SUPPORTED_COMPRESSIONS:
        raise UnsupportedImage(
            f"the TIFF file has the compression {compression}, which is not supported; "
            "save it with LZW or deflate"
        )
