"""The boxes of HEIC and AVIF files (ISO 14496-12, 23008-12), as far as they say what is coded.

Their decoders trust some of it: a picture may be assembled from any number of parts, or coded
larger than its properties say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from facedetect.images.slim import Pieces

Span = tuple[int, int]
"""Where the content of a box begins and ends."""

_FULL_BOX = 4
_CONTENT_IN_META = 1


@dataclass
class Item:
    """A coded or derived picture, or metadata; the file says its `kind` at `kind_at`."""

    kind: bytes = b""
    kind_at: int = 0
    sizes_wh: list[tuple[int, int]] = field(default_factory=list)
    parts: list[int] = field(default_factory=list)
    extents: list[Span] = field(default_factory=list)

    @cached_property
    def most_pixels(self) -> int:
        """Of its largest size, 0 if it has none; found once, as thousands may be made of it."""
        return max((width * height for width, height in self.sizes_wh), default=0)


class Items(dict[int, Item]):
    """The items of a file by their id; asking for one that is nowhere makes it."""

    def __missing__(self, key: int) -> Item:
        self[key] = Item()
        return self[key]


class BrokenBoxes(ValueError):
    """The boxes contradict each other or their ends; `kind` is the one that does not fit."""

    def __init__(self, message: str, kind: bytes = b"") -> None:
        super().__init__(message)
        self.kind = kind


class _Numbers:
    """Reads numbers one after the other, big-endian; raises BrokenBoxes behind the end."""

    def __init__(self, data: bytes, at: int, end: int) -> None:
        self._data, self.at, self._end = data, at, min(end, len(data))

    def take(self, size: int) -> int:
        start, self.at = self.at, self.at + size
        if self.at > self._end:
            raise BrokenBoxes("a box ends too early")
        return int.from_bytes(self._data[start : self.at])


def read_boxes(data: bytes, span: Span, pieces: Pieces) -> Iterator[tuple[bytes, Span]]:
    """Yield the kind and the content of each box in a row; raises BrokenBoxes."""
    at, end = span
    while at + 8 <= end:
        pieces.count()
        numbers = _Numbers(data, at, end)
        size, kind = numbers.take(4), numbers.take(4).to_bytes(4)
        if size == 1:
            size = numbers.take(8)
        at = end if size == 0 else at + size
        if not numbers.at <= at <= end:
            raise BrokenBoxes(f"the box {kind!r} does not fit", kind)
        yield kind, (numbers.at, at)


def read_items(data: bytes, meta: Span, pieces: Pieces) -> Items:
    """Read what the items are that a file's `meta` box lists; raises BrokenBoxes."""
    start, end = meta
    boxes = _each_once(read_boxes(data, (start + _FULL_BOX, end), pieces))
    items = Items()
    readers = {b"iinf": _read_kinds, b"iref": _read_parts, b"iprp": _read_sizes}
    for kind, reader in readers.items():
        if kind in boxes:
            reader(data, boxes[kind], items, pieces)
    if b"iloc" in boxes:
        content = boxes.get(b"idat", (0, 0))[0]
        _read_places(_Numbers(data, *boxes[b"iloc"]), items, content, pieces)
    return items


def _each_once(boxes: Iterator[tuple[bytes, Span]]) -> dict[bytes, Span]:
    """Boxes by kind. Of two of a kind another reader might take the other one."""
    found: dict[bytes, Span] = {}
    for kind, span in boxes:
        if kind in found and kind != b"free":
            raise BrokenBoxes(f"there are two boxes {kind!r}")
        found[kind] = span
    return found


def _read_kinds(data: bytes, span: Span, items: Items, pieces: Pieces) -> None:
    start, end = span
    entries = start + _FULL_BOX + (2 if data[start] == 0 else 4)
    for _, (at, stop) in read_boxes(data, (entries, end), pieces):
        numbers = _Numbers(data, at + _FULL_BOX, stop)
        key = numbers.take(2 if data[at] <= 2 else 4)  # noqa: PLR2004 - the box's version
        numbers.take(2)
        if items[key].kind:
            raise BrokenBoxes(f"there are two items {key}")
        items[key].kind_at = numbers.at
        items[key].kind = numbers.take(4).to_bytes(4)


def _read_parts(data: bytes, span: Span, items: Items, pieces: Pieces) -> None:
    start, end = span
    width = 2 if data[start] == 0 else 4
    for kind, (at, stop) in read_boxes(data, (start + _FULL_BOX, end), pieces):
        numbers = _Numbers(data, at, stop)
        key, count = numbers.take(width), numbers.take(2)
        if kind == b"dimg":
            for _ in range(count):
                pieces.count()
                items[key].parts.append(numbers.take(width))


def _read_sizes(data: bytes, span: Span, items: Items, pieces: Pieces) -> None:
    """Give each item the `ispe` boxes that it is associated with."""
    boxes = list(read_boxes(data, span, pieces))
    properties = _each_once((kind, place) for kind, place in boxes if kind == b"ipco")
    sizes = {}
    for index, (kind, (at, stop)) in enumerate(
        read_boxes(data, properties.get(b"ipco", (0, 0)), pieces), 1
    ):
        if kind == b"ispe":
            numbers = _Numbers(data, at + _FULL_BOX, stop)
            sizes[index] = numbers.take(4), numbers.take(4)
    for kind, (at, stop) in boxes:
        if kind == b"ipma":
            for key, index in _associations(_Numbers(data, at, stop), pieces):
                if index in sizes:
                    items[key].sizes_wh.append(sizes[index])


def _associations(numbers: _Numbers, pieces: Pieces) -> Iterator[tuple[int, int]]:
    version, flags = numbers.take(1), numbers.take(3)
    is_wide = flags & 1
    for _ in range(numbers.take(4)):
        key, count = numbers.take(4 if version else 2), numbers.take(1)
        pieces.count()
        for _ in range(count):
            pieces.count()
            index = numbers.take(2 if is_wide else 1)
            yield key, index & (0x7FFF if is_wide else 0x7F)


def _read_places(numbers: _Numbers, items: Items, content: int, pieces: Pieces) -> None:
    """Give each item the places of its bytes; `content` is where those within `meta` begin."""
    version, _, widths, more = (numbers.take(size) for size in (1, 3, 1, 1))
    offset_bytes, length_bytes, base_bytes = widths >> 4, widths & 15, more >> 4
    index_bytes = more & 15 if version else 0
    wide = 4 if version >= 2 else 2  # noqa: PLR2004 - the box's version
    for _ in range(numbers.take(wide)):
        pieces.count()
        key = numbers.take(wide)
        method = numbers.take(2) & 15 if version else 0
        numbers.take(2)
        base = numbers.take(base_bytes) + (content if method == _CONTENT_IN_META else 0)
        for _ in range(numbers.take(2)):
            pieces.count()
            numbers.take(index_bytes)
            at = base + numbers.take(offset_bytes)
            items[key].extents.append((at, at + numbers.take(length_bytes)))
