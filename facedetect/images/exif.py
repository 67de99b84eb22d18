"""EXIF data with what tells of the photograph, and nothing that shows it.

A directory of fields and further directories (TIFF 6.0, section 2; CIPA DC-008). The fields are
copied byte for byte, in the order of bytes that they have, since only their readers know what they
mean.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

_PREFIX = b"Exif\0\0"
_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_STARTS = {order: start for start, order in _ORDERS.items()}

_SHORT, _LONG = 3, 4
# Bytes of a value by its type, and those of the numbers that it is made of.
_VALUE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_VALUE_BYTES |= {129: 1}  # text in UTF-8, since EXIF 3.0
_NUMBER_BYTES = _VALUE_BYTES | {5: 4, 10: 4}
_INLINE_BYTES = 4

# What a JPEG file's segment holds, and far more than photographs say.
_MOST_BYTES = 65_000

_ORIENTATION, _EXPOSURE_TAG, _WIDTH, _HEIGHT = 274, 34665, 40962, 40963


@dataclass(frozen=True)
class _Wanted:
    """The tags that are kept of a directory, and of those below it."""

    tags: frozenset[int]
    below: dict[int, _Wanted] = field(default_factory=dict)


def _ranges(*ranges: tuple[int, int]) -> frozenset[int]:
    return frozenset(tag for first, last in ranges for tag in range(first, last + 1))


# Whatever is not named stays behind: previews, the makers' notes, which may hold some, and where
# the camera saw its subject, which was so before the picture was turned.
_INTEROPERABILITY = _Wanted(_ranges((1, 2)))
_GPS = _Wanted(_ranges((0, 31)))
_EXPOSURE = _Wanted(
    _ranges((33434, 33437), (34850, 34852), (34855, 34867), (36864, 37395), (37510, 37522))
    | _ranges((37888, 37893), (40960, 40963), (41483, 41491), (41493, 41996), (42016, 42044))
    | _ranges((42240, 42240)),
    {40965: _INTEROPERABILITY},
)
_PHOTOGRAPH = _Wanted(
    _ranges((269, 272), (274, 274), (282, 283), (296, 296), (305, 306), (315, 316))
    | _ranges((18246, 18246), (18249, 18249), (33432, 33432), (40091, 40095)),
    {_EXPOSURE_TAG: _EXPOSURE, 34853: _GPS},
)


@dataclass(frozen=True)
class Field:
    """A value's type and its bytes."""

    kind: int
    value: bytes


Directory = dict[int, "Field | Directory"]


@dataclass(frozen=True)
class Exif:
    """What is kept of a photograph's EXIF data; `order` of bytes as `struct` writes it."""

    order: str
    directory: Directory

    def to_bytes(self) -> bytes:
        """The data as PNG and WebP hold it; in JPEG stands `Exif` and two zeros before it."""
        start = _STARTS[self.order] + struct.pack(f"{self.order}I", 8)
        return start + _directory_bytes(self.directory, self.order, len(start))


def read_exif(data: bytes, width: int, height: int) -> Exif | None:
    """Read what an upright result of that size keeps of EXIF data, or of a TIFF file.

    None if there is nothing, or if it is too broken or too long: a picture does not fail for it.
    """
    data = data.removeprefix(_PREFIX)
    order = _ORDERS.get(data[:4], "")
    if not order:
        return None
    directory = _read(data, order, _number(data[4:8], order), _PHOTOGRAPH)
    _say_upright(directory, order, width, height)
    exif = Exif(order, directory)
    return exif if directory and len(exif.to_bytes()) <= _MOST_BYTES else None


def tiff_with_exif(tiff: bytes, exif: Exif) -> bytes:
    """Add EXIF fields to a TIFF file of one page and 8 bits; it takes on their order of bytes."""
    order = _ORDERS[tiff[:4]]
    directory: Directory = {
        tag: Field(kind, _reordered(tiff[place], kind, order, exif.order))
        for tag, kind, place in _fields(tiff, order, _number(tiff[4:8], order))
    }
    at = len(tiff) + len(tiff) % 2
    start = _STARTS[exif.order] + struct.pack(f"{exif.order}I", at)
    added = _directory_bytes(directory | exif.directory, exif.order, at)
    return start + tiff[len(start) :].ljust(at - len(start), b"\0") + added


def _read(data: bytes, order: str, at: int, wanted: _Wanted) -> Directory:
    """The wanted part of the directory at `at`; empty if it is broken or too long."""
    try:
        # Each tag once: directories that name the same one again and again would take hours.
        places = {
            tag: (kind, place)
            for tag, kind, place in _fields(data, order, at)
            if tag in wanted.below or (tag in wanted.tags and _length(place) <= _MOST_BYTES)
        }
    except struct.error:
        return {}
    total = sum(_length(place) for tag, (_, place) in places.items() if tag in wanted.tags)
    if total > _MOST_BYTES:
        return {}
    directory: Directory = {}
    for tag, (kind, place) in places.items():
        if tag in wanted.below:
            below_at = _number(data[place.start : place.start + 4], order)
            below = _read(data, order, below_at, wanted.below[tag])
            directory |= {tag: below} if below else {}
        else:
            directory[tag] = Field(kind, data[place])
    return directory


def _length(place: slice) -> int:
    return int(place.stop - place.start)


def _fields(data: bytes, order: str, at: int) -> Iterator[tuple[int, int, slice]]:
    """Tag, type and place of each value that is there whole; raises struct.error."""
    (count,) = struct.unpack_from(f"{order}H", data, at)
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        tag, kind, values, start = struct.unpack_from(f"{order}HHII", data, entry)
        size = _VALUE_BYTES.get(kind, 0) * values
        start = entry + 8 if size <= _INLINE_BYTES else start
        if size and start + size <= len(data):
            yield tag, kind, slice(start, start + size)


def _say_upright(directory: Directory, order: str, width: int, height: int) -> None:
    """Correct what the fields say of the pixels, where they say it."""
    if _ORIENTATION in directory:
        directory[_ORIENTATION] = Field(_SHORT, struct.pack(f"{order}H", 1))
    exposure = directory.get(_EXPOSURE_TAG)
    if isinstance(exposure, dict):
        for tag, side in ((_WIDTH, width), (_HEIGHT, height)):
            if tag in exposure:
                exposure[tag] = Field(_LONG, struct.pack(f"{order}I", side))


def _directory_bytes(directory: Directory, order: str, at: int) -> bytes:
    """A directory that stands at `at`, with all that it points to behind it."""
    entries = [struct.pack(f"{order}H", len(directory))]
    content = bytearray()
    content_at = at + 2 + 12 * len(directory) + 4
    for tag, value in sorted(directory.items()):
        place = content_at + len(content)
        if isinstance(value, dict):
            entries.append(struct.pack(f"{order}HHII", tag, _LONG, 1, place))
            content += _directory_bytes(value, order, place)
        else:
            is_inline = len(value.value) <= _INLINE_BYTES
            shown = value.value if is_inline else struct.pack(f"{order}I", place)
            count = len(value.value) // _VALUE_BYTES[value.kind]
            entries.append(struct.pack(f"{order}HHI4s", tag, value.kind, count, shown))
            content += b"" if is_inline else value.value
        content += bytes(len(content) % 2)  # values begin at even places
    return b"".join([*entries, bytes(4), content])


def _number(value: bytes, order: str) -> int:
    return int.from_bytes(value, "little" if order == "<" else "big")


def _reordered(value: bytes, kind: int, old: str, new: str) -> bytes:
    size = _NUMBER_BYTES[kind]
    return np.frombuffer(value, f"{old}u{size}").astype(f"{new}u{size}").tobytes()
