"""The directories of a TIFF file, also of one with offsets of 64 bits (BigTIFF)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

VALUE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
"""The length of a value by its type."""
VALUE_BYTES |= {129: 1}  # text in UTF-8, since EXIF 3.0
VALUE_BYTES |= {16: 8, 17: 8, 18: 8}  # BigTIFF's
INLINE_BYTES = 4
"""As many bytes are stored in a directory itself."""

_NUMBERS = {1: "B", 3: "H", 4: "I", 5: "I", 7: "B", 13: "I", 16: "Q", 18: "Q"}
_FRACTION = 5
_SUB_DIRECTORIES = 330


@dataclass(frozen=True)
class TiffLayout:
    """The byte order, as `struct` writes it, and whether it is a BigTIFF file."""

    order: str
    is_big: bool = False

    @classmethod
    def of(cls, data: bytes) -> TiffLayout:
        """The layout of a file, by its first bytes."""
        order = "<" if data.startswith(b"II") else ">"
        return cls(order, b"+" in data[2:4])

    @property
    def first_offset_at(self) -> int:
        """Where the header says the place of the first directory."""
        return 8 if self.is_big else 4

    @property
    def offset(self) -> str:
        """The format of an offset in the file."""
        return f"{self.order}{'Q' if self.is_big else 'I'}"


@dataclass(frozen=True)
class TiffDirectory:
    """The directory at the offset `at`: a page, or a picture that belongs to one."""

    at: int
    layout: TiffLayout
    fields: dict[int, tuple[int, memoryview]]
    following: int

    def numbers(self, tag: int) -> tuple[int, ...]:
        """The values of a tag, those of fractions in pairs; empty without the tag or if damaged."""
        value_type, value = self.fields.get(tag, (0, memoryview(b"")))
        if value_type not in _NUMBERS:
            return ()
        number = np.dtype(f"{self.layout.order}u{struct.calcsize('=' + _NUMBERS[value_type])}")
        return tuple(np.frombuffer(value, number).tolist())

    def number(self, tag: int, default: int = 0) -> int:
        """The first value of a tag."""
        return next(iter(self.numbers(tag)), default)


def read_pages(data: bytes) -> Iterator[TiffDirectory]:
    """Read the directories of a file one after the other; raises struct.error if one is cut."""
    layout = TiffLayout.of(data)
    (at,) = struct.unpack_from(layout.offset, data, layout.first_offset_at)
    seen: set[int] = set()
    while 0 < at < len(data) and at not in seen:
        seen.add(at)
        directory = _read_directory(data, layout, at)
        yield directory
        at = directory.following


def read_sub_directories(data: bytes, page: TiffDirectory) -> Iterator[TiffDirectory]:
    """Read the directories that belong to a page: a photograph's raw pixels and previews of it."""
    for at in page.numbers(_SUB_DIRECTORIES):
        yield _read_directory(data, page.layout, at)


def read_fields(
    data: memoryview, layout: TiffLayout, at: int
) -> Iterator[tuple[int, int, memoryview]]:
    """Read tag, type and bytes of each field of the directory at `at`.

    There are no bytes if they are not all in the file, or of an unknown type. Raises struct.error
    for a truncated directory.
    """
    count_format, entry_format = ("Q", "HHQQ") if layout.is_big else ("H", "HHII")
    inline_bytes = 8 if layout.is_big else INLINE_BYTES
    (fields,) = struct.unpack_from(layout.order + count_format, data, at)
    entry = struct.Struct(layout.order + entry_format)
    at += struct.calcsize("=" + count_format)
    for field_at in range(at, at + entry.size * fields, entry.size):
        tag, value_type, count, start = entry.unpack_from(data, field_at)
        size = VALUE_BYTES.get(value_type, 0) * count
        start = field_at + entry.size - inline_bytes if size <= inline_bytes else start
        end = start + size if start + size <= len(data) else start
        yield tag, value_type, data[start:end]


def to_number(value: bytes | memoryview, order: str) -> int:
    """The value of a single number."""
    return int.from_bytes(value, "little" if order == "<" else "big")


def _read_directory(data: bytes, layout: TiffLayout, at: int) -> TiffDirectory:
    fields = {
        tag: (value_type, value)
        for tag, value_type, value in read_fields(memoryview(data), layout, at)
    }
    count_format, entry_bytes = ("Q", 20) if layout.is_big else ("H", 12)
    (count,) = struct.unpack_from(layout.order + count_format, data, at)
    end = at + struct.calcsize("=" + count_format) + entry_bytes * count
    (following,) = struct.unpack_from(layout.offset, data, end)
    return TiffDirectory(at, layout, fields, following)
