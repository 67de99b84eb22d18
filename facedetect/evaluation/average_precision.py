"""Precision-recall curves and average precision, as in the official WIDER FACE evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from facedetect.arrays import Float64Array
from facedetect.evaluation.dataset import BoolArray, BoxArray, Dataset, LabelledImage
from facedetect.evaluation.image_detections import ImageDetections
from facedetect.evaluation.iou import iou_matrix

THRESHOLD_COUNT = 1000
THRESHOLDS = 1 - np.arange(1, THRESHOLD_COUNT + 1) / THRESHOLD_COUNT
"""Thresholds of normalised scores: 0 is the run's lowest score and 1 its highest."""

CountArray = NDArray[np.int32]


@dataclass(frozen=True)
class OperatingPoint:
    """Counts and rates over all detections of a run, regardless of score."""

    precision: float
    recall: float
    true_positives: int
    false_positives: int
    false_negatives: int


@dataclass(frozen=True, eq=False)
class PrecisionRecallCurve:
    """Precision and recall of one subset at 1000 descending thresholds (see THRESHOLDS).

    `detections_by_image` counts the true and false positives of each image at each threshold,
    `true_positives_by_image` only the true ones, both [images, 1000]; `faces_by_image` [images]
    counts labelled faces that are not ignored. Counts are per image, for the bootstrap.
    """

    detections_by_image: CountArray
    true_positives_by_image: CountArray
    faces_by_image: CountArray

    @property
    def faces(self) -> int:
        return int(self.faces_by_image.sum())

    @property
    def precision(self) -> Float64Array:
        """[1000], 0..1; 1 where there are no detections yet."""
        return self._precision_recall[0]

    @property
    def recall(self) -> Float64Array:
        """[1000], 0..1."""
        return self._precision_recall[1]

    @property
    def average_precision(self) -> float:
        return average_precision(self.precision, self.recall)

    @cached_property
    def false_positives(self) -> Float64Array:
        """[1000], over all images."""
        by_image = self.detections_by_image - self.true_positives_by_image
        return np.asarray(by_image.sum(axis=0), np.float64)

    @property
    def operating_point(self) -> OperatingPoint:
        """Return the counts of all detections: the last threshold is the lowest score."""
        true_positives = int(self.true_positives_by_image[:, -1].sum())
        return OperatingPoint(
            precision=float(self.precision[-1]),
            recall=float(self.recall[-1]),
            true_positives=true_positives,
            false_positives=int(self.false_positives[-1]),
            false_negatives=self.faces - true_positives,
        )

    def recall_at(self, false_positives: float) -> float:
        """Return the best recall with at most `false_positives` over all images."""
        return float(self.recall[self.false_positives <= false_positives].max(initial=0.0))

    @cached_property
    def _precision_recall(self) -> tuple[Float64Array, Float64Array]:
        detections = self.detections_by_image.sum(axis=0)
        true_positives = self.true_positives_by_image.sum(axis=0)
        return precision_recall(detections, true_positives, self.faces)


def score_boxes(
    dataset: Dataset, detections: Sequence[ImageDetections], *, iou: float = 0.5
) -> dict[str, PrecisionRecallCurve]:
    """Return each subset's curve for the detections of each image, in the dataset's order.

    The steps are those of evaluation.m in the official eval_tools. By descending score, a detection
    matches the labelled face with the highest IoU, if that is at least `iou`. The first match of a
    face is a true positive; further matches and detections without a match are false positives. A
    detection that matches an ignored face counts as neither. One rule is stricter: the official
    code skips images without labels, but here detections in them are false positives. WIDER FACE
    itself has no such image.
    """
    score_range = _score_range(detections)
    matched = [
        _match(image, answer, score_range, iou)
        for image, answer in zip(dataset.images, detections, strict=True)
    ]
    return {subset: _count(dataset, matched, subset) for subset in dataset.subsets}


def average_precision(precision: Float64Array, recall: Float64Array) -> float:
    """Return the area under the curve, with precision made monotonic: the best at recall >= r.

    Source: VOCap in wider_plot.m of the official eval_tools.
    """
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(recall, prepend=0.0) * envelope).sum())


def precision_recall(
    detections: NDArray[np.int_], true_positives: NDArray[np.int_], faces: int
) -> tuple[Float64Array, Float64Array]:
    """Return precision, 1 where there are no detections, and recall."""
    precision = np.divide(
        true_positives, detections, out=np.ones(len(detections)), where=detections > 0
    )
    return precision, true_positives / max(faces, 1)


@dataclass(frozen=True, eq=False)
class _MatchedDetections:
    """An image's normalised scores, descending, and the index of each match, or -1."""

    scores: Float64Array
    labels: NDArray[np.intp]


def _score_range(detections: Sequence[ImageDetections]) -> tuple[float, float]:
    scores = np.concatenate([np.zeros(0), *(answer.scores for answer in detections)])
    return (scores.min(), scores.max()) if len(scores) else (0.0, 1.0)


def _normalise(scores: Float64Array, score_range: tuple[float, float]) -> Float64Array:
    low, high = score_range
    return np.ones_like(scores) if low == high else (scores - low) / (high - low)


def _match(
    image: LabelledImage,
    detections: ImageDetections,
    score_range: tuple[float, float],
    iou: float,
) -> _MatchedDetections:
    order = np.argsort(-detections.scores, kind="stable")
    return _MatchedDetections(
        _normalise(detections.scores[order], score_range),
        _best_labels(detections.boxes[order], image.boxes, iou),
    )


def _best_labels(boxes: BoxArray, labels: BoxArray, iou: float) -> NDArray[np.intp]:
    """Return each box's label with the highest IoU, the first of equals; -1 if below `iou`."""
    if not len(boxes) or not len(labels):
        return np.full(len(boxes), -1, np.intp)
    ious = iou_matrix(boxes, labels)
    return np.where(ious.max(axis=1) >= iou, ious.argmax(axis=1), -1)


def _count(
    dataset: Dataset, matched: Sequence[_MatchedDetections], subset: str
) -> PrecisionRecallCurve:
    shape = len(dataset.images), THRESHOLD_COUNT
    detections, true_positives = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
    for row, (image, matches) in enumerate(zip(dataset.images, matched, strict=True)):
        is_counted, is_true = _classify(matches.labels, image.subset_masks[subset])
        above = np.searchsorted(-matches.scores, -THRESHOLDS, side="right")
        detections[row] = _cumulative(is_counted)[above]
        true_positives[row] = _cumulative(is_true)[above]
    faces = [image.subset_masks[subset].sum() for image in dataset.images]
    return PrecisionRecallCurve(detections, true_positives, np.array(faces, np.int32))


def _classify(labels: NDArray[np.intp], mask: BoolArray) -> tuple[BoolArray, BoolArray]:
    """Return which detections count, and which of them are true positives."""
    is_in_subset = np.zeros(len(labels), bool)
    is_in_subset[labels >= 0] = mask[labels[labels >= 0]]
    is_first = np.zeros(len(labels), bool)
    is_first[np.unique(labels, return_index=True)[1]] = True
    return is_in_subset | (labels < 0), is_first & is_in_subset


def _cumulative(flags: BoolArray) -> NDArray[np.int_]:
    """Return how many of the first 0, 1, 2, ... flags are set."""
    return np.concatenate([[0], np.cumsum(flags)])
