"""Confidence intervals of differences: cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from facedetect.evaluation.average_precision import PrecisionRecallCurve, score_boxes
from facedetect.evaluation.bootstrap import bootstrap_difference
from facedetect.evaluation.dataset import ALL, Dataset
from facedetect.evaluation.image_detections import ImageDetections
from tests.unit.evaluation_data import dataset_of, detections, in_order, labelled

FACE, OTHER = (0, 0, 9, 9), (50, 50, 59, 59)


def curve_of(dataset: Dataset, answers: list[ImageDetections]) -> PrecisionRecallCurve:
    return score_boxes(dataset, in_order(dataset, answers))[ALL]


def test_run_does_not_differ_from_itself() -> None:
    """Whichever images are drawn, though they are not equally hard."""
    names = [str(number) for number in range(6)]
    answers = [detections(name, (1 - 0.1 * row, FACE)) for row, name in enumerate(names[:3])]
    dataset = dataset_of(*(labelled(name, [FACE]) for name in names))
    curve = curve_of(dataset, answers)
    interval = bootstrap_difference(curve, curve, rounds=20, seed=1)
    assert (interval.estimate, interval.low, interval.high) == (0, 0, 0)


def test_interval_covers_what_other_images_would_have_given() -> None:
    """Of two images, the one that makes the difference is drawn twice, once or never."""
    dataset = dataset_of(labelled("a", [FACE]), labelled("b", [FACE]))
    one = curve_of(dataset, [detections("a", (0.9, FACE))])
    other = curve_of(dataset, [])
    interval = bootstrap_difference(one, other, rounds=400, seed=3)
    assert (interval.estimate, interval.low, interval.high) == (0.5, 0, 1)
    assert bootstrap_difference(one, other, rounds=400, seed=3) == interval
    assert bootstrap_difference(other, one, rounds=400, seed=3).estimate == -0.5


def test_both_runs_are_resampled_alike() -> None:
    """One has a true positive more on each image: it is ahead whichever images are drawn."""
    names = [str(number) for number in range(6)]
    dataset = dataset_of(*(labelled(name, [FACE, OTHER]) for name in names))
    one = curve_of(dataset, [detections(name, (0.9, FACE), (0.8, OTHER)) for name in names])
    other = curve_of(dataset, [detections(name, (0.9, FACE)) for name in names])
    interval = bootstrap_difference(one, other, rounds=50, seed=0)
    assert (interval.low, interval.high) == pytest.approx((0.5, 0.5))


def test_interval_has_95_percent_of_all_rounds() -> None:
    """All detections are right and of one score: the average precision is the recall."""
    faces = np.arange(1, 13)  # of each image, so that hardly two draws give the same recall
    boxes = [[(20 * row, 0, 20 * row + 9, 9) for row in range(count)] for count in faces]
    dataset = dataset_of(*(labelled(f"{row}", corners) for row, corners in enumerate(boxes)))
    answers = [detections(f"{row}", *((0.9, box) for box in c)) for row, c in enumerate(boxes)]
    one, other = (curve_of(dataset, answers[:count]) for count in (9, 4))
    drawn = np.random.default_rng(3).multinomial(12, np.full(12, 1 / 12), size=1101) * faces
    shares = drawn[:, 4:9].sum(axis=1) / drawn.sum(axis=1)
    interval = bootstrap_difference(one, other, rounds=1101, seed=3)
    expected = np.percentile(shares, [2.5, 97.5]).tolist()
    assert [interval.low, interval.high] == pytest.approx(expected)
