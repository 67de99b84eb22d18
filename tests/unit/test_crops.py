from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedetect.crops import ALIGNED_SIDE, align, crop, cut
from facedetect.faces import Box, Face, Landmarks, Point
from facedetect.images import BGRImage
from tests.conftest import examples, face_at

# What the recognition models were trained on; written again, so that no slip goes unseen.
ARCFACE = [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366)]
ARCFACE += [(41.5493, 92.3655), (70.7299, 92.2041)]


def placed(turn: complex, shift: complex) -> Face:
    """A face whose landmarks are the template's, turned, scaled and moved."""
    points = [turn * complex(x, y) + shift for x, y in ARCFACE]
    places = [Point(point.real, point.imag) for point in points]
    xs, ys = [place.x for place in places], [place.y for place in places]
    return Face(Box(min(xs), min(ys), max(xs), max(ys)), 0.9, Landmarks(*places))


def dots(face: Face, *, radius: float, side: int = 600) -> BGRImage:
    """A black image with a soft white dot on each landmark."""
    rows, columns = np.mgrid[:side, :side]
    image = np.zeros((side, side))
    for point in face.landmarks:
        square = (columns - point.x) ** 2 + (rows - point.y) ** 2
        image = np.maximum(image, 255 * np.exp(-square / (2 * radius**2)))
    return np.repeat(image.round().astype(np.uint8)[:, :, None], 3, axis=2)


def centre_near(image: BGRImage, x: float, y: float) -> tuple[float, float]:
    """The centre of what is bright within seven px."""
    left, top = round(x) - 7, round(y) - 7
    part = image[top : top + 15, left : left + 15, 0].astype(float)
    rows, columns = np.mgrid[:15, :15]
    weight = part.sum()
    return left + (columns * part).sum() / weight, top + (rows * part).sum() / weight


@examples(0.2)
@given(
    scale=st.floats(0.4, 4),
    angle=st.floats(-math.pi, math.pi),
    x=st.floats(-20, 20),
    y=st.floats(-20, 20),
)
def test_landmarks_come_to_lie_on_the_template(
    scale: float, angle: float, x: float, y: float
) -> None:
    turn = scale * complex(math.cos(angle), math.sin(angle))
    face = placed(turn, complex(300 + x, 300 + y) - turn * complex(56, 72))
    aligned = align(dots(face, radius=2.5 * scale), face)
    assert aligned.shape == (ALIGNED_SIDE, ALIGNED_SIDE, 3)
    for place in ARCFACE:
        assert centre_near(aligned, *place) == pytest.approx(place, abs=0.1)


def test_other_faces_come_as_near_as_turning_and_scaling_brings_them() -> None:
    """Against the general solution by singular values."""
    face = face_at(200, 150, side=300, confidence=0.9)
    points = np.array([(point.x, point.y) for point in face.landmarks])
    target = np.array(ARCFACE)
    apart, target_apart = points - points.mean(0), target - target.mean(0)
    u, values, v = np.linalg.svd(target_apart.T @ apart)
    turn = u @ v * values.sum() / (apart**2).sum()
    expected = apart @ turn.T + target.mean(0)
    aligned = align(dots(face, radius=8), face)
    for place in expected:
        assert centre_near(aligned, *place) == pytest.approx(place, abs=0.1)


def test_shrinking_takes_the_mean_of_all_pixels() -> None:
    """A fine chequerboard becomes grey: skipped pixels would leave black and white."""
    board = np.indices((2000, 2000)).sum(axis=0) % 2 * 255
    image = np.repeat(board.astype(np.uint8)[:, :, None], 3, axis=2)
    for angle in (0.0, 0.3):
        turn = 10.6 * complex(math.cos(angle), math.sin(angle))
        aligned = align(image, placed(turn, complex(1000, 1000) - turn * complex(56, 56)))
        assert np.abs(aligned[20:-20, 20:-20].astype(int) - 127).max() <= 3


def test_aligned_faces_are_black_where_the_image_ends() -> None:
    image = np.full((60, 60, 3), 200, np.uint8)
    aligned = align(image, placed(0.5, complex(-20, 0)))
    assert not aligned[:, :30].any()
    assert (aligned[10:100, 50:100] == 200).all()


def test_a_turned_photograph_gives_the_same_face(grace_hopper: BGRImage) -> None:
    face = face_at(177, 130, side=176, confidence=0.9)
    height = grace_hopper.shape[0]
    turned_points = (Point(height - 1 - point.y, point.x) for point in face.landmarks)
    turned = Face(face.box, 0.9, Landmarks(*turned_points))
    upright = align(grace_hopper, face).astype(int)
    again = align(np.rot90(grace_hopper, -1), turned).astype(int)
    assert np.abs(upright - again).mean() < 1


@pytest.mark.parametrize("place", [(30.0, 20.0), (0.0, 0.0), (-500.0, 900.0)])
def test_landmarks_in_one_point_leave_the_box(noise: BGRImage, place: tuple[float, float]) -> None:
    face = Face(Box(10, 0, 50, 40), 0.9, Landmarks(*[Point(*place)] * 5))
    middle = cv2.resize(noise[:, 10:50], (ALIGNED_SIDE, ALIGNED_SIDE))[20:-20, 20:-20]
    assert np.abs(align(noise, face)[20:-20, 20:-20].astype(int) - middle).max() <= 8


@given(numbers=st.lists(st.floats(-1e6, 1e6), min_size=10, max_size=10))
def test_no_landmarks_fail(numbers: list[float]) -> None:
    points = [Point(*pair) for pair in zip(numbers[::2], numbers[1::2], strict=True)]
    face = Face(Box(0, 0, 30, 40), 0.9, Landmarks(*points))
    aligned = align(np.full((40, 60, 3), 255, np.uint8), face)
    assert aligned.shape == (ALIGNED_SIDE, ALIGNED_SIDE, 3)


def test_a_crop_is_the_box_with_its_margin(noise: BGRImage, a_face: Face) -> None:
    assert np.array_equal(crop(noise, a_face, margin=0), noise[5:25, 10:30])
    assert np.array_equal(crop(noise, a_face, margin=0.25), noise[0:30, 5:35])
    assert np.array_equal(crop(noise, a_face, margin=9), noise)


def test_a_crop_is_a_copy(noise: BGRImage, a_face: Face) -> None:
    before = noise.copy()
    crop(noise, a_face)[:] = 0
    assert np.array_equal(noise, before)


@given(
    x=st.floats(-100, 200),
    y=st.floats(-100, 200),
    side=st.floats(0, 100),
    margin=st.floats(0, 3),
)
def test_no_crop_is_empty(x: float, y: float, side: float, margin: float) -> None:
    face = face_at(x, y, side=side, confidence=0.9)
    assert crop(np.zeros((40, 60, 3), np.uint8), face, margin=margin).size > 0


def test_the_style_says_how_a_face_is_cut(astronaut: BGRImage) -> None:
    face = face_at(180, 60, side=90, confidence=0.9)
    assert np.array_equal(cut(astronaut, face, "plain"), crop(astronaut, face))
    assert np.array_equal(cut(astronaut, face, "aligned"), align(astronaut, face))
