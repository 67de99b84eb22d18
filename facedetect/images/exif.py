"""EXIF data about a photograph, without anything that shows its contents.

EXIF is a directory of fields and nested directories (TIFF 6.0, section 2; CIPA DC-008). Fields are
copied byte for byte, in their byte order: only the programs that read them know their meaning.
"""

from __future__ import annotations

import struct

import numpy as np
from PIL.ExifTags import Base as Tag

from facedetect.images.tiff_directory import (
    INLINE_BYTES,
    VALUE_BYTES,
    TiffLayout,
    read_fields,
    to_number,
)

_PREFIX = b"Exif\0\0"
_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_HEADER_BYTES = 8

_SHORT, _LONG = 3, 4
# The size of one number of a value, by the value's type.
_NUMBER_BYTES = VALUE_BYTES | {5: 4, 10: 4}

# What fits into a JPEG segment; far more than photographs have.
_MAX_BYTES = 65_000

# Directories by the tag that points to them; none points to the first.
_FIRST = -1


def _ranges(*ranges: tuple[int, int]) -> frozenset[int]:
    return frozenset(tag for first, last in ranges for tag in range(first, last + 1))


# All other tags are dropped: previews, maker notes, which may contain previews, and the subject's
# position, which no longer holds once the picture is upright.
_KEPT_TAGS = {
    _FIRST: _ranges((269, 272), (274, 274), (282, 283), (296, 296), (305, 306), (315, 316))
    | _ranges((18246, 18246), (18249, 18249), (33432, 33432), (40091, 40095))
    | {Tag.ExifOffset, Tag.GPSInfo},
    Tag.ExifOffset: _ranges((33434, 33437), (34850, 34852), (34855, 34867), (36864, 37395))
    | _ranges((37510, 37522), (37888, 37893), (40960, 40963), (41483, 41491), (41493, 41996))
    | _ranges((42016, 42044), (42240, 42240))
    | {Tag.ExifInteroperabilityOffset},
    Tag.GPSInfo: _ranges((0, 31)),
    Tag.ExifInteroperabilityOffset: _ranges((1, 2)),
}


ExifField = tuple[int, bytes]
"""A value's type and its bytes."""

ExifDirectory = dict[int, "ExifField | ExifDirectory"]


def filter_exif(data: bytes, width: int, height: int) -> bytes:
    """Keep the fields of EXIF data, or of a TIFF file, that still hold for an upright result.

    `width` and `height` are the result's, px. Returns the data as PNG and WebP store it; JPEG puts
    `Exif` and two zero bytes before it. Empty if there are no fields, or if they are damaged or too
    long: a picture never fails because of its metadata.
    """
    data = data.removeprefix(_PREFIX)
    order = _ORDERS.get(data[:4], "")
    if not order:
        return b""
    corrected: dict[int, ExifField] = {
        Tag.Orientation: (_SHORT, struct.pack(f"{order}H", 1)),
        Tag.ExifImageWidth: (_LONG, struct.pack(f"{order}I", width)),
        Tag.ExifImageHeight: (_LONG, struct.pack(f"{order}I", height)),
    }
    first_at = to_number(data[4:8], order)
    directory = _read_directory(memoryview(data), order, first_at, _FIRST, corrected)
    header = data[:4] + struct.pack(f"{order}I", _HEADER_BYTES)
    exif = header + _directory_bytes(directory, order, _HEADER_BYTES)
    return exif if directory and len(exif) <= _MAX_BYTES else b""


def add_exif_to_tiff(tiff: bytes, exif: bytes) -> bytes:
    """Add filtered EXIF data to a one-page 8-bit TIFF file, which adopts its byte order."""
    old_order, order = _ORDERS[tiff[:4]], _ORDERS[exif[:4]]
    fields = read_fields(memoryview(tiff), TiffLayout(old_order), to_number(tiff[4:8], old_order))
    directory: ExifDirectory = {
        tag: (value_type, _reordered(value, value_type, old_order, order))
        for tag, value_type, value in fields
    }
    directory |= _read_directory(memoryview(exif), order, _HEADER_BYTES, _FIRST, {})
    at = len(tiff) + len(tiff) % 2
    header = exif[:4] + struct.pack(f"{order}I", at)
    pixels = tiff[_HEADER_BYTES:].ljust(at - _HEADER_BYTES, b"\0")
    return header + pixels + _directory_bytes(directory, order, at)


def _read_directory(
    data: memoryview, order: str, at: int, pointer: int, corrected: dict[int, ExifField]
) -> ExifDirectory:
    """Return the kept fields of the directory at `at`; empty if it is damaged."""
    try:
        # Each tag once: a directory that repeats one could take hours.
        kept = {
            tag: (value_type, value)
            for tag, value_type, value in read_fields(data, TiffLayout(order), at)
            if tag in _KEPT_TAGS[pointer] and 0 < len(value) <= _MAX_BYTES
        }
    except struct.error:
        return {}
    directory: ExifDirectory = {}
    for tag, (value_type, value) in kept.items():
        if tag not in _KEPT_TAGS:
            directory[tag] = corrected.get(tag) or (value_type, bytes(value))
        elif nested := _read_directory(data, order, to_number(value[:4], order), tag, corrected):
            directory[tag] = nested
    return directory


def _directory_bytes(directory: ExifDirectory, order: str, at: int) -> bytes:
    """Serialise a directory for the offset `at`, followed by everything it points to."""
    entries = [struct.pack(f"{order}H", len(directory))]
    content = bytearray()
    content_at = at + 2 + 12 * len(directory) + 4
    for tag, field in sorted(directory.items()):
        value_at = content_at + len(content)
        if isinstance(field, dict):
            entries.append(struct.pack(f"{order}HHII", tag, _LONG, 1, value_at))
            content += _directory_bytes(field, order, value_at)
        else:
            value_type, value = field
            is_inline = len(value) <= INLINE_BYTES
            inline = value if is_inline else struct.pack(f"{order}I", value_at)
            count = len(value) // VALUE_BYTES[value_type]
            entries.append(struct.pack(f"{order}HHI4s", tag, value_type, count, inline))
            content += b"" if is_inline else value
        content += bytes(len(content) % 2)  # values start at even offsets
    return b"".join([*entries, bytes(4), content])


def _reordered(value: memoryview, value_type: int, old: str, new: str) -> bytes:
    """Convert a value to another byte order."""
    size = _NUMBER_BYTES[value_type]
    return np.frombuffer(value, f"{old}u{size}").astype(f"{new}u{size}").tobytes()
