"""The error of landmarks: faces whose points are off by what is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from facedetect.evaluation.detections import Found
from facedetect.evaluation.landmarks import LandmarkErrors, mean_of_both, score_landmarks
from facedetect.evaluation.truth import ALL, LabelledImage, Protocol, Truth
from tests.unit.labelled import found

Points = NDArray[np.float64]

# The eyes are 20 px apart, the middle of all points is at (30, 40).
FACE = np.array([(20, 30), (40, 30), (30, 40), (22, 50), (38, 50)], float)
BOX = (10, 15, 50, 65)
NAN = np.full((5, 2), np.nan)


def image(name: str, *faces: Points, boxes: list[tuple[float, ...]] | None = None) -> LabelledImage:
    rows = np.array(boxes or [], float).reshape(-1, 4)
    counted = {ALL: np.ones(len(rows), bool)}
    return LabelledImage(name, Path(name), rows, counted, landmarks=np.array(faces))


def score(images: list[LabelledImage], *answers: Found) -> LandmarkErrors:
    return score_landmarks(Truth(Protocol.LANDMARKS, (ALL,), tuple(images)), answers)


def answer(name: str, *faces: tuple[tuple[float, ...], Points]) -> Found:
    return found(name, *((0.9, box) for box, _ in faces), landmarks=[p for _, p in faces])


def shifted(right: float) -> Points:
    return np.asarray(FACE + np.array([right, 0]), np.float64)


def test_error_is_a_share_of_the_distance_between_the_eyes() -> None:
    points = FACE.copy()
    points[0] += (3, 4)  # 5 px
    points[4] += (0, 1)
    errors = score([image("a", FACE)], answer("a", (BOX, points)))
    assert errors.by_point.tolist() == [pytest.approx([25, 0, 0, 0, 5])]
    assert errors.mean == errors.median == pytest.approx(6)
    assert errors.mean_by_point == pytest.approx([25, 0, 0, 0, 5])
    assert (errors.found, errors.missed, errors.failures) == (1, 0, 0)


def test_figures_are_of_the_faces_found() -> None:
    names = "abcd"
    answers = (answer(n, (BOX, shifted(by))) for n, by in zip(names, (1, 2, 4, 0), strict=True))
    *given_answers, _ = answers
    errors = score([image(name, FACE) for name in names], *given_answers)
    assert errors.by_face[:3].tolist() == [5, 10, 20]
    assert np.isnan(errors.by_face[3])
    assert (errors.found, errors.missed, errors.failures) == (3, 1, 1)
    assert [errors.mean, errors.median] == pytest.approx([35 / 3, 10])


def test_cumulative_curve_is_of_all_faces() -> None:
    answers = answer("a", (BOX, shifted(4))), answer("b", (BOX, shifted(1)))
    errors, shares = score([image(name, FACE) for name in "abc"], *answers).cumulative()
    assert errors == pytest.approx([5, 20])
    assert shares == pytest.approx([1 / 3, 2 / 3])


def test_of_several_detections_around_the_middle_the_nearest_counts() -> None:
    faces = (BOX, shifted(8)), (BOX, shifted(1)), (BOX, shifted(-3))
    assert score([image("a", FACE)], answer("a", *faces)).mean == pytest.approx(5)


def test_face_beside_the_points_is_another_one() -> None:
    """Its landmarks may be near; its box does not hold the middle of those labelled."""
    beside = (31, 15, 71, 65), shifted(1)
    assert score([image("a", FACE)], answer("a", beside)).missed == 1
    errors = score([image("a", FACE)], answer("a", beside, (BOX, shifted(2))))
    assert errors.mean == pytest.approx(10)


def test_labelled_box_tells_the_face_whatever_its_landmarks() -> None:
    labelled = [image("a", FACE, boxes=[BOX])]
    near, exact = (14, 15, 54, 65), (10, 15, 50, 64)
    errors = score(labelled, answer("a", (near, FACE), (exact, shifted(4))))
    assert errors.mean == pytest.approx(20)
    far = (31, 15, 71, 65)  # overlaps by less than a half
    assert score(labelled, answer("a", (far, FACE))).missed == 1


def test_faces_without_labelled_landmarks_are_not_looked_at() -> None:
    other = (100, 15, 140, 65)
    labelled = [image("a", NAN, shifted(90), boxes=[BOX, other])]
    errors = score(labelled, answer("a", (BOX, FACE), (other, shifted(91))))
    assert errors.by_face.tolist() == [pytest.approx(5)]
    no_landmarks = [replace(image("a"), landmarks=None)]
    assert score(no_landmarks, answer("a", (BOX, FACE))).by_point.shape == (0, 5)


def test_nothing_to_measure_is_no_number() -> None:
    nothing = found("a"), found("a", (0.9, BOX)), replace(answer("a", (BOX, FACE)), image="b")
    for given_answer in nothing:
        errors = score([image("a", FACE)], given_answer)
        assert (errors.found, errors.missed, errors.failures) == (0, 1, 0)
        assert np.isnan([errors.mean, errors.median, *errors.mean_by_point]).all()
        assert [len(values) for values in errors.cumulative()] == [0, 0]


def test_two_runs_are_compared_by_what_both_found() -> None:
    """One misses the face that is hard, and is no better for it."""
    images = [image(name, FACE) for name in "ab"]
    one = score(images, answer("a", (BOX, shifted(2))))
    other = score(images, answer("a", (BOX, shifted(1))), answer("b", (BOX, shifted(8))))
    means = mean_of_both(one, other)
    assert [means.one, means.other, means.faces] == pytest.approx([10, 5, 1])
    none = mean_of_both(one, score(images))
    assert np.isnan([none.one, none.other]).all()
    assert none.faces == 0
