"""Make a photo archive with known faces: scripts/bench synthetic-archive FOLDER.

It contains pictures of 200 to 2,400 px in every supported format and EXIF orientation, in nested
folders, and broken files of every kind. Equal seeds give equal archives.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pillow_heif
from PIL import ExifTags, Image, ImageCms
from rich.console import Console
from rich.progress import track

from benchmarks.arguments import bench_parser
from benchmarks.bad_files import write_bad_files
from benchmarks.pictures import PHOTOGRAPHS, paste, resize
from facedetect import load_image
from facedetect.faces import Box
from facedetect.images import BGRImage

SIDES = (200, 2400)

_ASPECTS = (3 / 2, 4 / 3, 1.0, 16 / 9, 2 / 3, 3 / 4)
_FACES = (0, 1, 1, 1, 2, 3, 5, 8)
_ICC_DATE = slice(24, 36)
_SMALLEST_HEAD = 90  # px; its face has 30
_TURNS = {  # EXIF orientation: how to store an upright picture
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@dataclass(frozen=True)
class Coding:
    """A way to store a picture: its share, per cent, and its longest side, px."""

    suffix: str
    share: int
    mode: str = "RGB"
    longest: int = SIDES[1]
    turns: bool = False  # with an EXIF orientation
    options: dict[str, Any] = field(default_factory=dict)


CODINGS = (
    Coding(".jpg", 50, turns=True, options={"quality": 90}),
    Coding(".JPG", 10, turns=True, options={"quality": 75, "progressive": True}),
    Coding(".jpeg", 4, "L", turns=True),
    Coding(".jpg", 3, "CMYK"),
    Coding(".png", 7, turns=True, options={"compress_level": 1}),
    Coding(".png", 3, "RGBA", options={"compress_level": 1}),
    Coding(".png", 3, "P"),
    Coding(".png", 2, "I;16", 1200),
    Coding(".webp", 5, turns=True, options={"quality": 85, "method": 1}),
    Coding(".webp", 1, longest=600, options={"lossless": True, "method": 0}),
    Coding(".tif", 3, turns=True, options={"compression": "tiff_lzw"}),
    Coding(".bmp", 2),
    Coding(".gif", 2, "P"),
    Coding(".heic", 3, longest=1000, options={"quality": 60}),
    Coding(".avif", 2, longest=1000, options={"quality": 60, "speed": 10}),
)


@dataclass(frozen=True)
class Head:
    """A crop of a photograph with one face, labelled by hand: forehead to chin, ear to ear."""

    pixels: BGRImage
    face: Box

    def mirrored(self) -> Head:
        width = self.pixels.shape[1]
        face = self.face
        box = Box(width - face.x_max, face.y_min, width - face.x_min, face.y_max)
        return Head(self.pixels[:, ::-1], box)

    def scaled(self, side: int) -> Head:
        scale = side / self.pixels.shape[0]
        face = self.face
        corners = (face.x_min, face.y_min, face.x_max, face.y_max)
        box = Box(*(value * scale for value in corners))
        return Head(resize(self.pixels, side, side), box)


@dataclass(frozen=True)
class Sources:
    """The parts of composed pictures: heads, and a background without faces."""

    heads: list[Head]
    background: BGRImage


def read_sources() -> Sources:
    astronaut = load_image(PHOTOGRAPHS / "astronaut.jpg")
    hopper = load_image(PHOTOGRAPHS / "grace_hopper.jpg")
    heads = [
        Head(astronaut[:256, 100:356], Box(80, 72, 168, 172)),
        Head(hopper[40:424, 80:464], Box(92, 90, 274, 278)),
    ]
    heads += [head.mirrored() for head in heads]
    return Sources(heads, astronaut[260:, :270])


def main() -> None:
    parser = bench_parser("synthetic-archive", __doc__)
    parser.add_argument("folder", type=Path, help="where to write the archive")
    parser.add_argument("--pictures", type=int, default=2000, help="how many")
    parser.add_argument("--bad", type=int, default=10, help="broken files of each kind")
    parser.add_argument("--longest", type=int, default=SIDES[1], help="longest side, px")
    parser.add_argument("--seed", type=int, default=1, help="of the random choices")
    arguments = parser.parse_args()
    faces = make_archive(
        arguments.folder, arguments.pictures, seed=arguments.seed, longest=arguments.longest
    )
    bad = write_bad_files(arguments.folder / "bad", arguments.bad)
    labelled = sum(map(len, faces.values()))
    print(f"{len(faces)} pictures with {labelled} faces, {len(bad)} broken files")


def make_archive(
    folder: Path, count: int, *, seed: int = 1, longest: int = SIDES[1]
) -> dict[str, list[Box]]:
    """Write `count` pictures; return the upright faces in each, by name in the folder.

    The first ones have one coding each; the others are drawn according to the codings' shares.
    """
    sources = read_sources()
    make = partial(_write_picture, folder, sources, seed, longest)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        made = pool.map(make, range(count))
        return dict(track(made, "Making", total=count, console=Console(stderr=True)))


def _write_picture(
    folder: Path, sources: Sources, seed: int, longest: int, number: int
) -> tuple[str, list[Box]]:
    generator = np.random.default_rng([seed, number])
    coding = _coding_of(number, generator)
    size_wh = _size(generator, min(longest, coding.longest))
    image, faces = compose(sources, generator, size_wh, int(generator.choice(_FACES)))
    name = f"{2000 + number // 400}/{number // 40 % 10:02} été/IMG {number:05}{coding.suffix}"
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    store(image, path, coding, orientation=number % 8 + 1 if coding.turns else 1)
    return name, faces


def _coding_of(number: int, generator: np.random.Generator) -> Coding:
    if number < len(CODINGS):
        return CODINGS[number]
    shares = np.array([coding.share for coding in CODINGS])
    return CODINGS[generator.choice(len(CODINGS), p=shares / shares.sum())]


def compose(
    sources: Sources, generator: np.random.Generator, size_wh: tuple[int, int], people: int
) -> tuple[BGRImage, list[Box]]:
    """Compose a picture of `people` in a grid, or fewer if there is no room; return the faces."""
    width, height = size_wh
    canvas = resize(sources.background, width, height)
    most_columns = max(1, width // _SMALLEST_HEAD)
    count = min(people, most_columns * max(1, height // _SMALLEST_HEAD))
    columns = min(max(1, round((count * width / height) ** 0.5)), most_columns)
    rows = -(-count // columns)
    faces = []
    for place in range(count):
        cell = (width // columns, height // rows)
        left, top = place % columns * cell[0], place // columns * cell[1]
        side = max(_SMALLEST_HEAD, int(min(cell) * generator.uniform(0.5, 1)))
        head = sources.heads[generator.integers(len(sources.heads))].scaled(side)
        paste(canvas, head.pixels, top, left)
        faces.append(_moved(head.face, left, top))
    return canvas, faces


def _size(generator: np.random.Generator, longest: int) -> tuple[int, int]:
    side = float(np.exp(generator.uniform(np.log(SIDES[0]), np.log(longest))))
    aspect = float(generator.choice(_ASPECTS))
    width, height = min(side, side * aspect), min(side, side / aspect)
    return round(width), round(height)


def _moved(face: Box, left: int, top: int) -> Box:
    return Box(face.x_min + left, face.y_min + top, face.x_max + left, face.y_max + top)


def store(image: BGRImage, path: Path, coding: Coding, *, orientation: int = 1) -> None:
    """Write a picture, rotated so that its EXIF orientation makes it upright."""
    if coding.mode == "I;16":
        deep = np.asarray(image, np.uint16) * 257
        path.write_bytes(cv2.imencode(".png", deep)[1].tobytes())
        return
    upright = Image.fromarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
    turned = upright.transpose(_TURNS[orientation]) if orientation in _TURNS else upright
    _saver(coding, orientation)(_converted(turned, coding.mode), path)


def _converted(image: Image.Image, mode: str) -> Image.Image:
    if mode == "RGBA":
        image.putalpha(240)
        return image
    return image if mode == "RGB" else image.convert(mode)


def _saver(coding: Coding, orientation: int) -> Callable[[Image.Image, Path], None]:
    if coding.suffix == ".heic":
        return lambda image, path: pillow_heif.from_pillow(image).save(path, **coding.options)
    metadata: dict[str, Any] = {}
    if coding.turns:
        metadata = {"exif": _exif(orientation), "icc_profile": _profile(coding.mode)}
    return lambda image, path: image.save(path, **coding.options, **metadata)


def _exif(orientation: int) -> Image.Exif:
    """Return EXIF data as phones write it, with a GPS position that anonymising must remove."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Make] = "facedetect"
    exif[ExifTags.Base.DateTime] = "2026:01:02 03:04:05"
    place = exif.get_ifd(ExifTags.IFD.GPSInfo)
    place[ExifTags.GPS.GPSLatitudeRef] = "N"
    place[ExifTags.GPS.GPSLatitude] = (51.0, 28.0, 40.0)
    return exif


def _profile(mode: str) -> bytes | None:
    if mode != "RGB":
        return None
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[_ICC_DATE] = bytes(12)  # else the current time, which would change the bytes
    return bytes(profile)


if __name__ == "__main__":
    main()
