"""Write TIFF files of any layout; no library supports all of them."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[Any]

GREY_INVERTED, GREY, RGB, CMYK, SENSOR = 0, 1, 2, 5, 32803
PREMULTIPLIED, STRAIGHT, UNSPECIFIED = 1, 2, 0
DEFLATE = 8


@dataclass(frozen=True)
class Layout:
    """How a page is stored; `tile` is the side of its tiles, `rows` those of a strip."""

    bits: int = 8
    photometric: int = RGB
    order: str = "<"
    extras: tuple[int, ...] = ()
    is_planar: bool = False
    compression: int = 1
    predictor: int = 1
    tile: int = 0
    rows: int = 0
    is_big: bool = False
    sample_format: int = 1
    more: dict[int, int] = field(default_factory=dict)


def write_tiff(*pages: tuple[Samples, Layout], sub_pages: int = 0) -> bytes:
    """A TIFF file of these pages of samples [height, width, samples], in the first one's order.

    The last `sub_pages` are not pages of their own but belong to the first one.
    """
    order, is_big = pages[0][1].order, pages[0][1].is_big
    magic = b"II" if order == "<" else b"MM"
    version = (
        struct.pack(f"{order}HHHQ", 43, 8, 0, 0) if is_big else struct.pack(f"{order}HI", 42, 0)
    )
    data, link_at = bytearray(magic + version), 8 if is_big else 4
    places: list[int] = []
    for number, (samples, layout) in reversed(list(enumerate(pages))):
        sub = tuple(places[:sub_pages]) if number == 0 else ()
        places.append(_add_page(data, samples, layout, sub))
    places = places[::-1][: len(pages) - sub_pages]
    for place in places:
        struct.pack_into(f"{order}{'Q' if is_big else 'I'}", data, link_at, place)
        link_at = _end_of(data, place, order, is_big=is_big)
    return bytes(data)


def _end_of(data: bytearray, place: int, order: str, *, is_big: bool) -> int:
    (count,) = struct.unpack_from(f"{order}{'Q' if is_big else 'H'}", data, place)
    return int(place + (8 + 20 * count if is_big else 2 + 12 * count))


def _add_page(data: bytearray, samples: Samples, layout: Layout, sub: tuple[int, ...]) -> int:
    height, width, count = samples.shape
    parts = _parts(samples, layout)
    places = []
    for part in parts:
        places.append(len(data))
        data += part + bytes(len(part) % 2)
    fields: dict[int, tuple[int, ...]] = {
        256: (width,), 257: (height,), 258: (layout.bits,) * count, 259: (layout.compression,),
        262: (layout.photometric,), 277: (count,), 284: (2 if layout.is_planar else 1,),
        317: (layout.predictor,), 338: layout.extras, 339: (layout.sample_format,) * count,
        330: sub,
    }  # fmt: skip
    if layout.tile:
        fields |= {322: (layout.tile,), 323: (layout.tile,), 324: tuple(places)}
        fields[325] = tuple(map(len, parts))
    else:
        fields |= {273: tuple(places), 278: (layout.rows or height,), 279: tuple(map(len, parts))}
    fields |= {tag: (value,) for tag, value in layout.more.items()}
    return _add_directory(data, {tag: value for tag, value in fields.items() if value}, layout)


def _add_directory(data: bytearray, fields: dict[int, tuple[int, ...]], layout: Layout) -> int:
    order, inline = layout.order, 8 if layout.is_big else 4
    offset = "Q" if layout.is_big else "I"
    entries = []
    for tag, values in sorted(fields.items()):
        value = struct.pack(f"{order}{len(values)}I", *values)
        if len(value) > inline:
            place = len(data)
            data += value
            value = struct.pack(f"{order}{offset}", place)
        head = struct.pack(f"{order}HH{offset}", tag, 4, len(values))
        entries.append(head + value.ljust(inline, b"\0"))
    place = len(data)
    data += struct.pack(f"{order}{'Q' if layout.is_big else 'H'}", len(entries))
    data += b"".join(entries) + bytes(inline)
    return place


def _parts(samples: Samples, layout: Layout) -> list[bytes]:
    """The bytes of each strip or tile."""
    height, width, count = samples.shape
    planes = np.split(samples, count, axis=2) if layout.is_planar else [samples]
    step = layout.tile or layout.rows or height
    parts = []
    for plane in planes:
        for top in range(0, height, step):
            for left in range(0, width, layout.tile or width):
                part = plane[top : top + step, left : left + (layout.tile or width)]
                if layout.tile:
                    missing = [(0, layout.tile - side) for side in part.shape[:2]]
                    part = np.pad(part, (*missing, (0, 0)))
                parts.append(_packed(part, layout))
    return parts


def _packed(part: Samples, layout: Layout) -> bytes:
    if layout.predictor == 2:
        part = np.diff(part, axis=1, prepend=part[:, :1] * 0)
    if layout.bits in {8, 16, 32, 64}:
        kind = "f" if layout.sample_format == 3 else "u"
        packed = part.astype(f"{layout.order}{kind}{layout.bits // 8}").tobytes()
    else:
        shifts = np.arange(layout.bits)[::-1]
        flags = (part[..., np.newaxis].astype(np.uint32) >> shifts & 1).astype(np.uint8)
        packed = np.packbits(flags.reshape(len(part), -1), axis=1).tobytes()
    return zlib.compress(packed) if layout.compression == DEFLATE else packed
