"""The directories of a TIFF file, including BigTIFF with 64-bit offsets."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

VALUE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
"""The size of one value in bytes, by its type."""
VALUE_BYTES |= {129: 1}  # text in UTF-8, since EXIF 3.0
VALUE_BYTES |= {16: 8, 17: 8, 18: 8}  # BigTIFF's
INLINE_BYTES = 4
"""Values of at most this many bytes are stored in the directory itself."""

_NUMBERS = {1: "B", 3: "H", 4: "I", 5: "I", 7: "B", 13: "I", 16: "Q", 18: "Q"}
_SUB_DIRECTORIES = 330


@dataclass(frozen=True)
class TiffLayout:
    """The byte order, as `struct` writes it, and whether it is a BigTIFF file."""

    order: str
    is_big: bool = False

    @classmethod
    def of(cls, data: bytes) -> TiffLayout:
        """Read the layout from a file's first bytes."""
        order = "<" if data.startswith(b"II") else ">"
        return cls(order, b"+" in data[2:4])

    @property
    def first_offset_at(self) -> int:
        """The position of the first directory's offset in the header."""
        return 8 if self.is_big else 4

    @property
    def offset(self) -> str:
        """The struct format of an offset."""
        return f"{self.order}{'Q' if self.is_big else 'I'}"


@dataclass(frozen=True)
class TiffDirectory:
    """The directory at the offset `at`: a page, or a picture that belongs to one."""

    at: int
    layout: TiffLayout
    fields: dict[int, tuple[int, memoryview]]
    following: int

    def numbers(self, tag: int) -> tuple[int, ...]:
        """Return a tag's values, fractions as pairs; empty if the tag is missing or damaged."""
        value_type, value = self.fields.get(tag, (0, memoryview(b"")))
        if value_type not in _NUMBERS:
            return ()
        number = np.dtype(f"{self.layout.order}u{struct.calcsize('=' + _NUMBERS[value_type])}")
        return tuple(np.frombuffer(value, number).tolist())

    def number(self, tag: int, default: int = 0) -> int:
        """Return a tag's first value."""
        return next(iter(self.numbers(tag)), default)


def read_pages(data: bytes) -> Iterator[TiffDirectory]:
    """Yield a file's directories in turn; raises struct.error if one is truncated."""
    layout = TiffLayout.of(data)
    (at,) = struct.unpack_from(layout.offset, data, layout.first_offset_at)
    seen: set[int] = set()
    while 0 < at < len(data) and at not in seen:
        seen.add(at)
        directory = _read_directory(data, layout, at)
        yield directory
        at = directory.following


def read_sub_directories(data: bytes, page: TiffDirectory) -> Iterator[TiffDirectory]:
    """Yield a page's subdirectories: a photograph's raw pixels and its previews."""
    for at in page.numbers(_SUB_DIRECTORIES):
        yield _read_directory(data, page.layout, at)


def read_fields(
    data: memoryview, layout: TiffLayout, at: int
) -> Iterator[tuple[int, int, memoryview]]:
    """Yield tag, type and bytes of each field of the directory at `at`.

    The bytes are empty if the file does not contain all of them or their type is unknown. Raises
    struct.error for a truncated directory.
    """
    entry_format, inline_bytes = ("HHQQ", 8) if layout.is_big else ("HHII", INLINE_BYTES)
    entry = struct.Struct(layout.order + entry_format)
    for field_at in _entries(data, layout, at):
        tag, value_type, count, start = entry.unpack_from(data, field_at)
        size = VALUE_BYTES.get(value_type, 0) * count
        start = field_at + entry.size - inline_bytes if size <= inline_bytes else start
        end = start + size if start + size <= len(data) else start
        yield tag, value_type, data[start:end]


def _entries(data: bytes | memoryview, layout: TiffLayout, at: int) -> range:
    """Return the places of the entries of the directory at `at`."""
    count_format, entry_bytes = ("Q", 20) if layout.is_big else ("H", 12)
    (count,) = struct.unpack_from(layout.order + count_format, data, at)
    start = at + struct.calcsize("=" + count_format)
    return range(start, start + entry_bytes * count, entry_bytes)


def to_number(value: bytes | memoryview, order: str) -> int:
    """Decode a single number."""
    return int.from_bytes(value, "little" if order == "<" else "big")


def _read_directory(data: bytes, layout: TiffLayout, at: int) -> TiffDirectory:
    fields = {
        tag: (value_type, value)
        for tag, value_type, value in read_fields(memoryview(data), layout, at)
    }
    (following,) = struct.unpack_from(layout.offset, data, _entries(data, layout, at).stop)
    return TiffDirectory(at, layout, fields, following)
