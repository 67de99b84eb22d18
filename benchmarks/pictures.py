"""The benchmarks' pictures: single photographs, and groups and crowds composed of them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from facedetect import load_image
from facedetect.images import BGRImage

PHOTOGRAPHS = Path(__file__).parents[1] / "tests" / "data"
_CROWD_STEP = 120


NAMES = (
    "portrait 512x512",
    "group 640x480",
    "group 1280x886",
    "group 1920x1008",
    "crowd 1920x1080",
)


def pictures() -> dict[str, BGRImage]:
    """Return a portrait, a group in three sizes and a crowd of 144 faces, by name."""
    astronaut = load_image(PHOTOGRAPHS / "astronaut.jpg")
    hopper = load_image(PHOTOGRAPHS / "grace_hopper.jpg")
    group = make_group(astronaut, hopper)
    small, large = resize(group, 640, 480), resize(group, 1920, 1008)
    made = (astronaut, small, group, large, make_crowd(astronaut, hopper))
    return dict(zip(NAMES, made, strict=True))


def make_group(astronaut: BGRImage, hopper: BGRImage) -> BGRImage:
    canvas = np.full((886, 1280, 3), 90, np.uint8)
    places = [(astronaut, 512, 0, 0), (hopper, 600, 0, 520), (astronaut, 256, 520, 0)]
    places += [(hopper, 300, 586, 270), (astronaut, 170, 610, 540), (hopper, 200, 610, 720)]
    places += [(astronaut, 128, 10, 1050), (hopper, 150, 10, 1150), (hopper, 100, 200, 1150)]
    places += [(astronaut[:, ::-1], 256, 340, 1024), (hopper[:, ::-1], 200, 620, 1000)]
    for picture, height, top, left in places:
        small = resize(picture, round(height * picture.shape[1] / picture.shape[0]), height)
        paste(canvas, small, top, left)
    return canvas


def make_crowd(astronaut: BGRImage, hopper: BGRImage) -> BGRImage:
    generator = np.random.default_rng(5)
    canvas = np.full((1080, 1920, 3), 110, np.uint8)
    heads = (astronaut[:256, 100:356], hopper[40:424, 80:464])
    for top in range(0, 1080, _CROWD_STEP):
        for left in range(0, 1920, _CROWD_STEP):
            side = int(generator.integers(70, _CROWD_STEP))
            paste(canvas, resize(heads[generator.integers(2)], side, side), top, left)
    return canvas


def resize(image: BGRImage, width: int, height: int) -> BGRImage:
    shrinks = width < image.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (width, height), interpolation=how), np.uint8)


def paste(canvas: BGRImage, picture: BGRImage, top: int, left: int) -> None:
    height, width = canvas[top : top + picture.shape[0], left : left + picture.shape[1]].shape[:2]
    canvas[top : top + height, left : left + width] = picture[:height, :width]
