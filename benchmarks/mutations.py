"""Mutate image files and forms at random; equal seeds give equal bytes."""

from __future__ import annotations

import io
import random
import struct
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import pillow_heif
import pillow_jxl  # noqa: F401 - tells Pillow how to write JPEG XL
from PIL import Image

from benchmarks.pictures import pictures, resize

_SIDE = 96
_MOST_MUTATIONS = 6
_LARGE = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_TOKENS = (
    b"\xff\xd8\xff\xe1\0\x10Exif\0\0II*\0", b"\xff\xda", b"\xff\xd9", b"\xff\xc4", b"\xff\xc2",
    b"\xff\xee\0\x0eAdobe\0d\0\0\0\0\2", b"\xff\xdd\0\4\0\1", b"IHDR", b"PLTE", b"tRNS", b"IDAT",
    b"IEND", b"acTL", b"fcTL", b"iCCP", b"eXIf", b"zTXt", b"VP8X", b"VP8L", b"VP8 ", b"ALPH",
    b"ANIM", b"ANMF", b"!\xf9\4\1\0\0\0\0", b"!\xfe\1a\0", b",\0\0\0\0", b";", b"II*\0", b"MM\0*",
    b"ispe", b"iref", b"dimg", b"grid", b"iovl", b"iden", b"hvcC", b"av1C", b"ipma", b"iloc",
    b"irot", b"imir", b"clap", b"auxC", b"pitm", b"moov", b"meta", b"mdat", b"ftypavif",
    b"ftypheic", b"\0\0\0\0", b"\xff" * 8, b"PK\3\4", b"<svg>", b"\r\n--",
)  # fmt: skip


@dataclass(frozen=True)
class Body:
    """A request body: its origin, its bytes, and how to send them."""

    origin: str
    data: bytes
    content_type: str = "application/octet-stream"
    content_length: int | None = None
    is_chunked: bool = False


def seeds() -> dict[str, bytes]:
    """Return small valid files of all formats and variants; names start with the format."""
    portrait = resize(pictures()["portrait 512x512"][40:240, 120:320], _SIDE, _SIDE)
    image = Image.fromarray(cv2.cvtColor(portrait, cv2.COLOR_BGR2RGB))
    exif = Image.Exif()
    exif[0x0112] = 6
    stored: dict[str, tuple[Image.Image, dict[str, object]]] = {
        "JPEG": (image, {"exif": exif}),
        "JPEG progressive": (image, {"progressive": True}),
        "JPEG cmyk": (image.convert("CMYK"), {}),
        "PNG": (image, {"exif": exif}),
        "PNG palette": (image.quantize(64), {"transparency": 3}),
        "PNG deep": (image.convert("I;16"), {}),
        "WEBP": (image, {"exif": exif}),
        "WEBP lossless": (image.convert("RGBA"), {"lossless": True}),
        "GIF": (image.quantize(64), {"transparency": 3}),
        "GIF animated": (image, {"save_all": True, "append_images": [image.rotate(90)]}),
        "TIFF": (image, {}),
        "TIFF lzw": (image, {"compression": "tiff_lzw"}),
        "TIFF jpeg": (image, {"compression": "jpeg"}),
        "TIFF group4": (image.convert("1"), {"compression": "group4"}),
        "TIFF alpha": (image.convert("LA"), {"compression": "tiff_lzw", "big_tiff": True}),
        "BMP": (image, {}),
        "BMP alpha": (image.convert("RGBA"), {}),
        "JPEG2000": (image, {"irreversible": True}),
        "JXL": (image, {"exif": exif.tobytes()}),
        "AVIF": (image, {"speed": 10}),
        "AVIF alpha": (image.convert("RGBA"), {"speed": 10, "exif": exif}),
    }
    files = {name: _encode(name.split()[0], *how) for name, how in stored.items()}
    files["TIFF deep"] = cv2.imencode(".tif", portrait.astype(np.uint16) * 257)[1].tobytes()
    heif = pillow_heif.from_pillow(image)
    files["HEIC"] = _save_heic(heif)
    files["HEIC tiles"] = _save_heic(heif, tile_size=64, thumbnails=[32])
    heif.add_from_pillow(image.convert("RGBA").rotate(90))
    files["HEIC many"] = _save_heic(heif, primary_index=1)
    return files


def _encode(kind: str, image: Image.Image, options: dict[str, object]) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _save_heic(file: pillow_heif.HeifFile, **options: object) -> bytes:
    buffer = io.BytesIO()
    file.save(buffer, **options)
    return buffer.getvalue()


def mutate_file(chance: random.Random, files: dict[str, bytes]) -> Body:
    """Mutate one of the files several times; some stay valid."""
    origin = chance.choice(list(files))
    data = bytearray(files[origin])
    others = list(files.values())
    for _ in range(chance.randint(0, _MOST_MUTATIONS)):
        chance.choice(_MUTATIONS)(chance, data, others)
    return Body(origin.split()[0], bytes(data))


def mutate_form(chance: random.Random, files: dict[str, bytes]) -> Body:
    """Make a form with an image and broken boundaries, headers or parts."""
    boundary = chance.choice([b"x", b"-" * 70, b"a b", b'"', b"\xff", b"boundary"])
    disposition = chance.choice(
        [
            b'form-data; name="image"; filename="a.jpg"',
            b"form-data; name=image; filename=" + b"a" * chance.choice([1, 300, 20_000]),
            b'form-data; name="image"',
            b"form-data; name*=utf-8''%ff; filename=\"\0\"",
            b"attachment",
            b"",
        ]
    )
    image = files[chance.choice(list(files))]
    part = b"--" + boundary + b"\r\nContent-Disposition: " + disposition + b"\r\n\r\n" + image
    data = bytearray(part * chance.choice([1, 1, 1, 2, 30]) + b"\r\n--" + boundary + b"--\r\n")
    for _ in range(chance.randint(0, 3)):
        chance.choice(_MUTATIONS)(chance, data, [part, b"\r\n", b"--" + boundary + b"--", image])
    named = boundary if chance.random() < 0.9 else b"other"  # noqa: PLR2004 - most agree
    content_type = "multipart/form-data; boundary=" + named.decode("latin-1")
    return Body("form", bytes(data), content_type)


def mutate_request(chance: random.Random, files: dict[str, bytes]) -> Body:
    """Make mostly mutated files, some forms, and some with a wrong length or type."""
    body = (mutate_form if chance.random() < 0.2 else mutate_file)(chance, files)  # noqa: PLR2004
    kind = chance.random()
    if kind < 0.02:  # noqa: PLR2004
        length = chance.choice(
            [0, 1, len(body.data) // 2, len(body.data) + 1, 2**31, 2**63, 10**30]
        )
        return Body("length", body.data, body.content_type, content_length=max(length, 0))
    if kind < 0.1:  # noqa: PLR2004
        return Body("chunked", body.data, body.content_type, is_chunked=True)
    if kind < 0.15:  # noqa: PLR2004
        types = ["image/png", "image/svg+xml", "text/html", "", "image/", "x" * 5000, "multipart/x"]
        return Body("type", body.data, chance.choice(types))
    return body


def _flip_bits(chance: random.Random, data: bytearray, _: list[bytes]) -> None:
    for count in range(chance.randint(1, 8)):
        if len(data) > count:
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _change_header_byte(chance: random.Random, data: bytearray, _: list[bytes]) -> None:
    if data:
        data[chance.randrange(min(len(data), 400))] = chance.randrange(256)


def _cut(chance: random.Random, data: bytearray, _: list[bytes]) -> None:
    del data[chance.randint(0, len(data)) :]


def _remove(chance: random.Random, data: bytearray, _: list[bytes]) -> None:
    start = chance.randint(0, len(data))
    del data[start : start + chance.choice([1, 2, 4, 12, 100])]


def _repeat(chance: random.Random, data: bytearray, _: list[bytes]) -> None:
    start = chance.randint(0, len(data))
    piece = data[start : start + chance.choice([1, 4, 12, 100, 1000])]
    data[start:start] = piece * chance.choice([1, 2, 30])


def _change_length(chance: random.Random, data: bytearray, _: list[bytes]) -> None:
    start = chance.randint(0, max(min(len(data) - 4, 1000), 0))
    number = struct.pack(chance.choice("<>") + "I", chance.choice(_LARGE))
    width = chance.choice([2, 4])
    data[start : start + width] = number[:width]


def _splice(chance: random.Random, data: bytearray, others: list[bytes]) -> None:
    other = chance.choice(others)
    data[chance.randint(0, len(data)) :] = other[chance.randint(0, len(other)) :]


def _insert_token(chance: random.Random, data: bytearray, _: list[bytes]) -> None:
    start = chance.randint(0, len(data))
    token = chance.choice(_TOKENS)
    data[start : start + chance.choice([0, len(token)])] = token


_MUTATIONS: tuple[Callable[[random.Random, bytearray, list[bytes]], None], ...] = (
    _flip_bits,
    _change_header_byte,
    _cut,
    _remove,
    _repeat,
    _change_length,
    _splice,
    _insert_token,
)


def random_of(seed: int, number: int) -> random.Random:
    """Return the random generator of one body, given the run's seed and the body's number."""
    return random.Random(f"{seed} {number}")  # noqa: S311 - nothing secret
