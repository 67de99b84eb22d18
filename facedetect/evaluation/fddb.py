"""FDDB's two scores: how many ellipses are found, and how well they are covered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facedetect.evaluation.detections import Found
from facedetect.evaluation.extra import evaluation_extra
from facedetect.evaluation.truth import BoxArray, FloatArray, LabelledImage, Truth

FALSE_POSITIVES = (100, 500, 1000, 2000)
"""At so many false positives on all pictures together, published results are compared."""

_LEAST_OVERLAP = 0.5
_INSIDE = 1

Mask = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class FDDBCurves:
    """True positive rates, 0..1, and false positives as the least score falls: [points] each.

    `discrete` counts the ellipses that a detection overlaps by more than a half, `continuous` sums
    up all the overlaps. `thresholds` are the scores; every distinct one is a point.
    """

    thresholds: FloatArray
    false_positives: FloatArray
    discrete: FloatArray
    continuous: FloatArray
    faces: int

    def discrete_at(self, false_positives: float) -> float:
        """The greatest discrete rate with at most so many false positives."""
        return self._greatest(self.discrete, false_positives)

    def continuous_at(self, false_positives: float) -> float:
        """The greatest continuous rate with at most so many false positives."""
        return self._greatest(self.continuous, false_positives)

    def _greatest(self, rates: FloatArray, false_positives: float) -> float:
        return float(rates[self.false_positives <= false_positives].max(initial=0.0))


def score_fddb(truth: Truth, found: Sequence[Found]) -> FDDBCurves:
    """The curves of all pictures; one without an answer has nothing found.

    As in the official evaluation, regions are drawn in pixels, the overlap is that of the drawings,
    and at each score the ellipses and the boxes that have it are paired one to one so that the sum
    of the overlaps is greatest. Raises InvalidSettings without SciPy.
    """
    answers = {answer.image: answer for answer in found}
    steps = [_steps(image, answers[image.name]) for image in truth.images if image.name in answers]
    changes = np.concatenate([np.zeros((0, 4)), *steps])
    thresholds, points = np.unique(-changes[:, 0], return_inverse=True)
    sums = np.zeros((len(thresholds), 3))
    np.add.at(sums, points, changes[:, 1:])
    discrete, continuous, answered = np.cumsum(sums, axis=0).T
    faces = sum(len(image.boxes) for image in truth.images)
    return FDDBCurves(
        thresholds=-thresholds,
        false_positives=answered - discrete,
        discrete=discrete / max(faces, 1),
        continuous=continuous / max(faces, 1),
        faces=faces,
    )


def _steps(image: LabelledImage, answer: Found) -> FloatArray:
    """By each distinct score, falling: the score, then by how much what is found changes.

    [scores, 4]: score, ellipses found, overlaps together, detections.
    """
    scores = np.unique(answer.scores)[::-1]
    covered = _region_overlaps(image, answer.boxes)
    totals = np.zeros((len(scores) + 1, 3))
    for row, score in enumerate(scores, start=1):
        taken = answer.scores >= score
        pairs = _pair(covered[:, taken])
        totals[row] = (pairs > _LEAST_OVERLAP).sum(), pairs.sum(), taken.sum()
    return np.column_stack([scores, np.diff(totals, axis=0)])


def _pair(covered: FloatArray) -> FloatArray:
    """The overlaps of the one-to-one pairs whose sum is greatest."""
    with evaluation_extra("FDDB's score"):
        from scipy.optimize import linear_sum_assignment
    rows, columns = linear_sum_assignment(covered, maximize=True)
    return np.asarray(covered[rows, columns])


def _region_overlaps(image: LabelledImage, boxes: BoxArray) -> FloatArray:
    """Intersection over union of each ellipse [n] with each box [m], in drawn pixels: [n, m]."""
    assert image.ellipses is not None  # noqa: S101 - a truth of this protocol has them
    assert image.size is not None  # noqa: S101
    ellipses = [_draw_ellipse(ellipse, image.size) for ellipse in image.ellipses]
    rectangles = [_draw_box(box, image.size) for box in boxes]
    rows = [[_overlap(ellipse, other) for other in rectangles] for ellipse in ellipses]
    return np.array(rows, np.float64).reshape(len(ellipses), len(rectangles))


def _overlap(one: Mask, other: Mask) -> float:
    union = cv2.countNonZero(one | other)
    return cv2.countNonZero(one & other) / union if union else 0.0


def _draw_ellipse(ellipse: FloatArray, size: tuple[int, int]) -> Mask:
    major, minor, angle, x, y = ellipse.tolist()
    axes = int(major), int(minor)  # as the official code cuts them
    centre = round(x), round(y)
    mask = _blank(size)
    cv2.ellipse(mask, centre, axes, np.degrees(angle), 0, 360, _INSIDE, cv2.FILLED)
    return mask


def _draw_box(box: FloatArray, size: tuple[int, int]) -> Mask:
    edges = np.tile(np.array(size, np.float64), 2)
    left, top, right, bottom = np.clip(box, -1, edges).round().astype(int).tolist()
    mask = _blank(size)
    cv2.rectangle(mask, (left, top), (right, bottom), _INSIDE, cv2.FILLED)
    return mask


def _blank(size: tuple[int, int]) -> Mask:
    width, height = size
    return np.zeros((height, width), np.uint8)
