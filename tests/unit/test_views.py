"""Views of a picture, and the mapping back."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest

from facedetect.detection_params import LOOKS, ROTATIONS
from facedetect.faces import Box, Face, Landmarks, Point
from facedetect.images import BGRImage
from facedetect.views import View

# Blocks of one pixel: a corner of the box each, and the landmarks.
BLOCKS = ((12, 8), (31, 27), (17, 15), (26, 14), (22, 19), (18, 23), (25, 22))
VIEWS = [View(rotation, mirrored) for rotation in ROTATIONS for mirrored in (False, True)]


def marked() -> BGRImage:
    """60 wide, 40 high, and a pixel of another colour at each of the blocks."""
    image = np.zeros((40, 60, 3), np.uint8)
    for number, (x, y) in enumerate(BLOCKS, 1):
        image[y, x] = number
    return image


def seen_in(view: BGRImage, *, is_mirrored: bool) -> Face:
    """The face where its blocks are in the view, as a model would answer it."""
    places = [np.argwhere(view[:, :, 0] == number)[0] for number in range(1, len(BLOCKS) + 1)]
    (y1, x1), (y2, x2) = places[:2]
    box = Box(min(x1, x2), min(y1, y2), max(x1, x2) + 1.0, max(y1, y2) + 1.0)
    points = [Point(x + 0.5, y + 0.5) for y, x in places[2:]]
    order = (1, 0, 2, 4, 3) if is_mirrored else range(5)
    return Face(box, 0.9, Landmarks(*(points[i] for i in order)))


@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_each_view_leads_back_exactly(view: View) -> None:
    image = marked()
    pixels = view.of(image)
    found = view.face_in_picture(seen_in(pixels, is_mirrored=view.is_mirrored), pixels, image)
    assert found == seen_in(image, is_mirrored=False)


@pytest.mark.parametrize("rotation", ROTATIONS)
@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_resized_views_lead_back(rotation: int, look: tuple[bool, float]) -> None:
    view = View(rotation, *look)
    image = np.zeros((101, 67, 3), np.uint8)
    image[30:70, 20:50] = 255
    pixels = view.of(image)
    rows, columns = np.nonzero(pixels[:, :, 0] > 127)
    box = Box(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    seen = Face(box, 0.9, Landmarks(*[Point(box.x_min, box.y_min)] * 5))
    found = view.face_in_picture(seen, pixels, image)
    assert astuple(found.box) == pytest.approx((20, 30, 50, 70), abs=0.7)


def test_a_view_ends_where_its_picture_does() -> None:
    for rotation in ROTATIONS:
        for look in LOOKS:
            view = View(rotation, *look)
            image = np.zeros((31, 53, 3), np.uint8)
            pixels = view.of(image)
            whole = Box(0, 0, pixels.shape[1], pixels.shape[0])
            face = Face(whole, 0.9, Landmarks(*[Point(0, 0)] * 5))
            box = view.face_in_picture(face, pixels, image).box
            assert astuple(box) == pytest.approx((0, 0, 53, 31), abs=1e-9)


def test_the_first_view_is_the_picture_itself() -> None:
    image = marked()
    assert View().of(image) is image
