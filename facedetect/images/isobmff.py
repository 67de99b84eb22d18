"""The boxes of HEIC and AVIF files (ISO 14496-12, 23008-12) that say what is coded.

Decoders trust some of them: a picture may be assembled from any number of parts, or be coded
larger than its properties say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from facedetect.images.limits import PieceCounter

Span = tuple[int, int]
"""Start and end of a box's content, or of an item's bytes, in the file."""

_FULL_BOX = 4
_IN_META = 1


@dataclass
class HeifItem:
    """A coded or derived picture, or metadata; `type_at` is the offset of its `item_type`."""

    item_type: bytes = b""
    type_at: int = 0
    sizes_wh: list[tuple[int, int]] = field(default_factory=list)
    part_ids: list[int] = field(default_factory=list)
    extents: list[Span] = field(default_factory=list)

    @cached_property
    def max_pixels(self) -> int:
        """Of its largest size, 0 if it has none; cached, as it may be a part thousands of times."""
        return max((width * height for width, height in self.sizes_wh), default=0)


HeifItems = defaultdict[int, HeifItem]
"""A file's items by their id."""


class InvalidBox(ValueError):
    """Boxes contradict each other or end too early; `kind` is the one that does not fit."""

    def __init__(self, message: str, kind: bytes = b"") -> None:
        super().__init__(message)
        self.kind = kind


class _NumberReader:
    """Reads big-endian numbers one after the other; raises InvalidBox past the end."""

    def __init__(self, data: bytes, at: int, end: int) -> None:
        self._data, self.at, self._end = data, at, min(end, len(data))

    def read(self, size: int) -> int:
        start, self.at = self.at, self.at + size
        if self.at > self._end:
            raise InvalidBox("a box ends too early")
        return int.from_bytes(self._data[start : self.at])


def read_boxes(data: bytes, span: Span, pieces: PieceCounter) -> Iterator[tuple[bytes, Span]]:
    """Yield the kind and the content of each box in a row; raises InvalidBox."""
    at, end = span
    while at + 8 <= end:
        pieces.count()
        numbers = _NumberReader(data, at, end)
        size, kind = numbers.read(4), numbers.read(4).to_bytes(4)
        if size == 1:
            size = numbers.read(8)
        at = end if size == 0 else at + size
        if not numbers.at <= at <= end:
            raise InvalidBox(f"the box {kind!r} extends beyond what holds it", kind)
        yield kind, (numbers.at, at)


def read_items(data: bytes, meta: Span, pieces: PieceCounter) -> HeifItems:
    """Read the items that a file's `meta` box lists; raises InvalidBox."""
    start, end = meta
    boxes = _by_kind(read_boxes(data, (start + _FULL_BOX, end), pieces))
    items: HeifItems = defaultdict(HeifItem)
    readers = {b"iinf": _read_types, b"iref": _read_parts, b"iprp": _read_sizes}
    for kind, reader in readers.items():
        if kind in boxes:
            reader(data, boxes[kind], items, pieces)
    if b"iloc" in boxes:
        idat_at = boxes.get(b"idat", (0, 0))[0]
        _read_extents(_NumberReader(data, *boxes[b"iloc"]), items, idat_at, pieces)
    return items


def _by_kind(boxes: Iterator[tuple[bytes, Span]]) -> dict[bytes, Span]:
    """Boxes by kind; raises InvalidBox for two of a kind: the decoder might take the other one."""
    found: dict[bytes, Span] = {}
    for kind, span in boxes:
        if kind in found and kind != b"free":
            raise InvalidBox(f"there are two boxes {kind!r}")
        found[kind] = span
    return found


def _read_types(data: bytes, span: Span, items: HeifItems, pieces: PieceCounter) -> None:
    start, end = span
    entries = start + _FULL_BOX + (2 if data[start] == 0 else 4)
    for _, (at, stop) in read_boxes(data, (entries, end), pieces):
        numbers = _NumberReader(data, at + _FULL_BOX, stop)
        key = numbers.read(2 if data[at] <= 2 else 4)  # noqa: PLR2004 - the box's version
        numbers.read(2)
        if items[key].item_type:
            raise InvalidBox(f"there are two items {key}")
        items[key].type_at = numbers.at
        items[key].item_type = numbers.read(4).to_bytes(4)


def _read_parts(data: bytes, span: Span, items: HeifItems, pieces: PieceCounter) -> None:
    start, end = span
    width = 2 if data[start] == 0 else 4
    for kind, (at, stop) in read_boxes(data, (start + _FULL_BOX, end), pieces):
        numbers = _NumberReader(data, at, stop)
        key, count = numbers.read(width), numbers.read(2)
        if kind == b"dimg":
            for _ in range(count):
                pieces.count()
                items[key].part_ids.append(numbers.read(width))


def _read_sizes(data: bytes, span: Span, items: HeifItems, pieces: PieceCounter) -> None:
    """Give each item the `ispe` boxes that it is associated with."""
    boxes = list(read_boxes(data, span, pieces))
    properties = _by_kind((kind, place) for kind, place in boxes if kind == b"ipco")
    sizes = {}
    for index, (kind, (at, stop)) in enumerate(
        read_boxes(data, properties.get(b"ipco", (0, 0)), pieces), 1
    ):
        if kind == b"ispe":
            numbers = _NumberReader(data, at + _FULL_BOX, stop)
            sizes[index] = numbers.read(4), numbers.read(4)
    for kind, (at, stop) in boxes:
        if kind == b"ipma":
            for key, index in _read_associations(_NumberReader(data, at, stop), pieces):
                if index in sizes:
                    items[key].sizes_wh.append(sizes[index])


def _read_associations(numbers: _NumberReader, pieces: PieceCounter) -> Iterator[tuple[int, int]]:
    """Yield each item's id with the number of each of its properties, counted from 1."""
    version, flags = numbers.read(1), numbers.read(3)
    is_wide = flags & 1
    for _ in range(numbers.read(4)):
        key, count = numbers.read(4 if version else 2), numbers.read(1)
        pieces.count()
        for _ in range(count):
            pieces.count()
            index = numbers.read(2 if is_wide else 1)
            yield key, index & (0x7FFF if is_wide else 0x7F)


def _read_extents(
    numbers: _NumberReader, items: HeifItems, idat_at: int, pieces: PieceCounter
) -> None:
    """Give each item the spans of its bytes, which are in the file or in `idat` at `idat_at`."""
    version, _, widths, more = (numbers.read(size) for size in (1, 3, 1, 1))
    offset_bytes, length_bytes, base_bytes = widths >> 4, widths & 15, more >> 4
    index_bytes = more & 15 if version else 0
    wide = 4 if version >= 2 else 2  # noqa: PLR2004 - the box's version
    for _ in range(numbers.read(wide)):
        pieces.count()
        key = numbers.read(wide)
        method = numbers.read(2) & 15 if version else 0
        numbers.read(2)
        base = numbers.read(base_bytes) + (idat_at if method == _IN_META else 0)
        for _ in range(numbers.read(2)):
            pieces.count()
            numbers.read(index_bytes)
            at = base + numbers.read(offset_bytes)
            items[key].extents.append((at, at + numbers.read(length_bytes)))
