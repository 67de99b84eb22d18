"""The boxes of HEIC and AVIF files (ISO 14496-12, 23008-12) that say what is coded.

Decoders trust some of them: a picture may be assembled from any number of parts, or be coded
larger than its properties say.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from facedetect.images.limits import PieceCounter

_IN_META = 1


@dataclass
class HeifItem:
    """A coded or derived picture, or metadata; `type_at` is the offset of its `item_type`.

    `largest_wh`, px, is 0x0 if no size is given. `extents` are the start and end in the file of
    each span of its bytes.
    """

    item_type: bytes = b""
    type_at: int = 0
    largest_wh: tuple[int, int] = (0, 0)
    part_ids: list[int] = field(default_factory=list)
    extents: list[tuple[int, int]] = field(default_factory=list)


HeifItems = defaultdict[int, HeifItem]
"""A file's items by their id."""


class InvalidBox(ValueError):
    """Boxes contradict each other or end too early."""


class BoxReader:
    """Reads a box's content from front to back: numbers and inner boxes; `at` is the offset."""

    def __init__(self, data: bytes, at: int, end: int, pieces: PieceCounter) -> None:
        self.at = at
        self._data, self._end, self._pieces = data, end, pieces

    def read(self, size: int) -> int:
        """Read a big-endian number of `size` bytes; raises InvalidBox past the end."""
        start, self.at = self.at, self.at + size
        if self.at > self._end:
            raise InvalidBox("a box ends too early")
        return int.from_bytes(self._data[start : self.at])

    def entries(self, count: int) -> Iterator[int]:
        """Count each entry of a list as a piece of the file."""
        for index in range(count):
            self._pieces.count()
            yield index

    def boxes(self) -> Iterator[tuple[bytes, BoxReader]]:
        """Read the kind and the content of each box up to the end; raises InvalidBox."""
        while self.at + 8 <= self._end:
            self._pieces.count()
            start = self.at
            size, kind = self.read(4), self.read(4).to_bytes(4)
            if size == 1:
                size = self.read(8)
            end = start + size if size else self._end
            if not self.at <= end <= self._end:
                raise InvalidBox(f"the box {kind!r} extends beyond what holds it")
            yield kind, BoxReader(self._data, self.at, end, self._pieces)
            self.at = end


def read_items(meta: BoxReader) -> HeifItems:
    """Read the items that a file's `meta` box lists; raises InvalidBox."""
    items: HeifItems = defaultdict(HeifItem)
    meta.read(4)
    boxes = _by_kind(meta.boxes())
    for kind, read in ((b"iinf", _read_types), (b"iref", _read_parts), (b"iprp", _read_sizes)):
        if kind in boxes:
            read(boxes[kind], items)
    if b"iloc" in boxes:
        _read_extents(boxes[b"iloc"], items, boxes[b"idat"].at if b"idat" in boxes else 0)
    return items


def _by_kind(boxes: Iterable[tuple[bytes, BoxReader]]) -> dict[bytes, BoxReader]:
    """Boxes by kind; raises InvalidBox for two of a kind: the decoder might take the other one."""
    found: dict[bytes, BoxReader] = {}
    for kind, box in boxes:
        if kind in found and kind != b"free":
            raise InvalidBox(f"there are two boxes {kind!r}")
        found[kind] = box
    return found


def _read_types(box: BoxReader, items: HeifItems) -> None:
    is_wide = box.read(4) >> 24
    box.read(4 if is_wide else 2)
    for _, entry in box.boxes():
        version = entry.read(4) >> 24
        item = items[entry.read(2 if version <= 2 else 4)]  # noqa: PLR2004 - the box's version
        if item.item_type:
            raise InvalidBox("there are two items of the same number")
        entry.read(2)
        item.type_at = entry.at
        item.item_type = entry.read(4).to_bytes(4)


def _read_parts(box: BoxReader, items: HeifItems) -> None:
    width = 4 if box.read(4) >> 24 else 2
    for kind, reference in box.boxes():
        key, count = reference.read(width), reference.read(2)
        if kind == b"dimg":
            items[key].part_ids += [reference.read(width) for _ in reference.entries(count)]


def _read_sizes(box: BoxReader, items: HeifItems) -> None:
    """Give each item the largest size of the `ispe` boxes that it is associated with."""
    boxes = list(box.boxes())
    containers = _by_kind(item for item in boxes if item[0] == b"ipco")
    properties = containers[b"ipco"].boxes() if containers else []
    sizes_wh = {}
    for index, (kind, content) in enumerate(properties, 1):
        if kind == b"ispe":
            content.read(4)
            sizes_wh[index] = content.read(4), content.read(4)
    for kind, associations in boxes:
        if kind == b"ipma":
            for key, index in _read_associations(associations):
                size_wh = sizes_wh.get(index, (0, 0))
                items[key].largest_wh = max(items[key].largest_wh, size_wh, key=math.prod)


def _read_associations(box: BoxReader) -> Iterator[tuple[int, int]]:
    """Yield each item's id with the number of each of its properties, counted from 1."""
    version, flags = box.read(1), box.read(3)
    is_wide = flags & 1
    for _ in box.entries(box.read(4)):
        key = box.read(4 if version else 2)
        for _ in box.entries(box.read(1)):
            yield key, box.read(2) & 0x7FFF if is_wide else box.read(1) & 0x7F


def _read_extents(box: BoxReader, items: HeifItems, idat_at: int) -> None:
    """Give each item the spans of its bytes, which are in the file or in `idat` at `idat_at`."""
    version, _, widths, more = (box.read(size) for size in (1, 3, 1, 1))
    offset_bytes, length_bytes, base_bytes = widths >> 4, widths & 15, more >> 4
    index_bytes = more & 15 if version else 0
    wide = 4 if version >= 2 else 2  # noqa: PLR2004 - the box's version
    for _ in box.entries(box.read(wide)):
        key = box.read(wide)
        method = box.read(2) & 15 if version else 0
        box.read(2)
        base = box.read(base_bytes) + (idat_at if method == _IN_META else 0)
        for _ in box.entries(box.read(2)):
            box.read(index_bytes)
            at = base + box.read(offset_bytes)
            items[key].extents.append((at, at + box.read(length_bytes)))
