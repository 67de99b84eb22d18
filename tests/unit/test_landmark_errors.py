"""Landmark errors of faces whose points are off by known distances."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from facedetect.evaluation.dataset import ALL, Dataset, LabelledImage, Metric
from facedetect.evaluation.image_detections import ImageDetections
from facedetect.evaluation.landmark_errors import (
    LandmarkErrors,
    mean_over_common_faces,
    score_landmarks,
)
from tests.unit.evaluation_data import detections, in_order

Points = NDArray[np.float64]

# The eyes are 20 px apart, the mean of all points is (30, 40).
FACE = np.array([(20, 30), (40, 30), (30, 40), (22, 50), (38, 50)], float)
BOX = (10, 15, 50, 65)
NAN = np.full((5, 2), np.nan)


def image(name: str, *faces: Points, boxes: list[tuple[float, ...]] | None = None) -> LabelledImage:
    rows = np.array(boxes or [], float).reshape(-1, 4)
    masks = {ALL: np.ones(len(rows), bool)}
    return LabelledImage(name, Path(name), rows, masks, landmarks=np.array(faces))


def score(images: list[LabelledImage], *answers: ImageDetections) -> LandmarkErrors:
    dataset = Dataset(Metric.LANDMARK_ERROR, (ALL,), tuple(images))
    return score_landmarks(dataset, in_order(dataset, answers))


def answer(name: str, *faces: tuple[tuple[float, ...], Points]) -> ImageDetections:
    return detections(name, *((0.9, box) for box, _ in faces), landmarks=[p for _, p in faces])


def shifted(right: float) -> Points:
    return np.asarray(FACE + np.array([right, 0]), np.float64)


def test_error_is_relative_to_the_distance_between_the_eyes() -> None:
    points = FACE.copy()
    points[0] += (3, 4)  # 5 px
    points[4] += (0, 1)
    errors = score([image("a", FACE)], answer("a", (BOX, points)))
    assert errors.by_point.tolist() == [pytest.approx([25, 0, 0, 0, 5])]
    assert errors.mean == errors.median == pytest.approx(6)
    assert errors.mean_by_point == pytest.approx([25, 0, 0, 0, 5])
    assert (errors.detected, errors.missed, errors.failures) == (1, 0, 0)


def test_means_are_over_detected_faces() -> None:
    names = "abcd"
    answers = (answer(n, (BOX, shifted(by))) for n, by in zip(names, (1, 2, 4, 0), strict=True))
    *given_answers, _ = answers
    errors = score([image(name, FACE) for name in names], *given_answers)
    assert errors.by_face[:3].tolist() == [5, 10, 20]
    assert np.isnan(errors.by_face[3])
    assert (errors.detected, errors.missed, errors.failures) == (3, 1, 1)
    assert [errors.mean, errors.median] == pytest.approx([35 / 3, 10])


def test_cumulative_curve_is_over_all_faces() -> None:
    answers = answer("a", (BOX, shifted(4))), answer("b", (BOX, shifted(1)))
    errors, shares = score([image(name, FACE) for name in "abc"], *answers).cumulative()
    assert errors == pytest.approx([5, 20])
    assert shares == pytest.approx([1 / 3, 2 / 3])


def test_of_several_detections_around_the_points_the_nearest_is_matched() -> None:
    faces = (BOX, shifted(8)), (BOX, shifted(1)), (BOX, shifted(-3))
    assert score([image("a", FACE)], answer("a", *faces)).mean == pytest.approx(5)


def test_a_box_beside_the_points_does_not_match() -> None:
    """Its landmarks may be near, but its box does not contain the mean of the labelled points."""
    beside = (31, 15, 71, 65), shifted(1)
    assert score([image("a", FACE)], answer("a", beside)).missed == 1
    errors = score([image("a", FACE)], answer("a", beside, (BOX, shifted(2))))
    assert errors.mean == pytest.approx(10)


def test_a_labelled_box_is_matched_by_iou_alone() -> None:
    labelled = [image("a", FACE, boxes=[BOX])]
    near, exact = (14, 15, 54, 65), (10, 15, 50, 64)
    errors = score(labelled, answer("a", (near, FACE), (exact, shifted(4))))
    assert errors.mean == pytest.approx(20)
    far = (31, 15, 71, 65)  # IoU below 0.5
    assert score(labelled, answer("a", (far, FACE))).missed == 1


def test_faces_without_labelled_landmarks_are_skipped() -> None:
    other = (100, 15, 140, 65)
    labelled = [image("a", NAN, shifted(90), boxes=[BOX, other])]
    errors = score(labelled, answer("a", (BOX, FACE), (other, shifted(91))))
    assert errors.by_face.tolist() == [pytest.approx(5)]
    no_landmarks = [replace(image("a"), landmarks=None)]
    assert score(no_landmarks, answer("a", (BOX, FACE))).by_point.shape == (0, 5)


def test_without_any_detected_face_means_are_nan() -> None:
    without_landmarks = detections("a", (0.9, BOX))
    for given_answer in detections("a"), without_landmarks:
        errors = score([image("a", FACE)], given_answer)
        assert (errors.detected, errors.missed, errors.failures) == (0, 1, 0)
        assert np.isnan([errors.mean, errors.median, *errors.mean_by_point]).all()
        assert [len(values) for values in errors.cumulative()] == [0, 0]


def test_runs_are_compared_over_common_faces() -> None:
    """One run misses the hard face, which is no advantage."""
    images = [image(name, FACE) for name in "ab"]
    one = score(images, answer("a", (BOX, shifted(2))))
    other = score(images, answer("a", (BOX, shifted(1))), answer("b", (BOX, shifted(8))))
    assert mean_over_common_faces(one, other) == pytest.approx((10, 5, 1))
    *means, faces = mean_over_common_faces(one, score(images))
    assert np.isnan(means).all()
    assert faces == 0
