"""Precision, recall and average precision as WIDER FACE's official evaluation counts them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from facedetect.evaluation.detections import Found
from facedetect.evaluation.overlaps import overlaps
from facedetect.evaluation.truth import BoolArray, BoxArray, FloatArray, LabelledImage, Truth

_STEPS = 1000
_THRESHOLDS = 1 - np.arange(1, _STEPS + 1) / _STEPS
_CONFIDENCE = (2.5, 97.5)  # per cent: what lies between is the interval of 95 %
_ROUNDS_AT_ONCE = 500

CountArray = NDArray[np.int32]


@dataclass(frozen=True)
class OperatingPoint:
    """What all answers of a run come to, with no threshold but the detector's own."""

    precision: float
    recall: float
    false_alarms: int
    found: int
    missed: int


@dataclass(frozen=True)
class Interval:
    """A difference measured on all pictures, and between what it lies with 95 % confidence."""

    measured: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Tallies:
    """Counts of each picture at each threshold, so that any choice of pictures can be summed up.

    `proposals` are the detections that count, [images, 1000], `recalled` the faces found, [images,
    1000], `faces` those to be found, [images].
    """

    proposals: CountArray
    recalled: CountArray
    faces: CountArray


@dataclass(frozen=True, eq=False)
class Curve:
    """Precision and recall, 0..1, and false alarms, at 1000 thresholds from the highest down.

    Thresholds are of scores that are spread from 0, the run's lowest, to 1, its highest.
    """

    thresholds: FloatArray
    precision: FloatArray
    recall: FloatArray
    false_alarms: FloatArray
    faces: int
    average_precision: float
    tallies: Tallies

    @classmethod
    def of(cls, tallies: Tallies) -> Self:
        """The curve of all pictures together."""
        proposals, recalled = tallies.proposals.sum(axis=0), tallies.recalled.sum(axis=0)
        faces = int(tallies.faces.sum())
        precision, recall = _rates(proposals, recalled, faces)
        return cls(
            thresholds=_THRESHOLDS,
            precision=precision,
            recall=recall,
            false_alarms=(proposals - recalled).astype(np.float64),
            faces=faces,
            average_precision=average_precision(precision, recall),
            tallies=tallies,
        )

    @property
    def operating_point(self) -> OperatingPoint:
        """All that the run answered: the last threshold, 0, is the lowest score's."""
        found = int(self.tallies.recalled[:, -1].sum())
        return OperatingPoint(
            precision=float(self.precision[-1]),
            recall=float(self.recall[-1]),
            false_alarms=int(self.false_alarms[-1]),
            found=found,
            missed=self.faces - found,
        )

    def recall_at(self, false_alarms: float) -> float:
        """The greatest recall with at most so many false alarms on all pictures together."""
        return float(self.recall[self.false_alarms <= false_alarms].max(initial=0.0))


def score_wider(truth: Truth, found: Sequence[Found], *, iou: float = 0.5) -> dict[str, Curve]:
    """The curve of each subset of the truth's faces; a picture without an answer has none found.

    The steps are those of the official eval_tools (evaluation.m): by falling score, a detection is
    of the face it overlaps most, if by `iou` or more. It finds a face once; one more of the same
    face is a false alarm, as is one of no face. One of a face that the subset ignores is not
    counted. In one thing this is stricter: detections in a picture without any label are false
    alarms here, where the official code skips the picture; its own data has no such picture.
    """
    answers = {answer.image: answer for answer in found}
    spread = _Spread.of(found)
    matched = [_match(image, answers.get(image.name), spread, iou) for image in truth.images]
    return {subset: Curve.of(_tally(truth, matched, subset)) for subset in truth.subsets}


def difference(one: Curve, other: Curve, rounds: int, seed: int) -> Interval:
    """By how much the average precision of `one` is over that of `other`, on the same pictures.

    The interval is that of a paired bootstrap: each round draws as many pictures as there are,
    some of them several times, and takes both curves over them.
    """
    pictures = len(one.tallies.faces)
    random = np.random.default_rng(seed)
    shares = np.full(pictures, 1 / pictures)
    differences = []
    for done in range(0, rounds, _ROUNDS_AT_ONCE):  # draws of all rounds may not fit into memory
        size = min(_ROUNDS_AT_ONCE, rounds - done)
        drawn = random.multinomial(pictures, shares, size=size)
        differences.append(_resampled(one, drawn) - _resampled(other, drawn))
    low, high = np.percentile(np.concatenate(differences), _CONFIDENCE)
    return Interval(one.average_precision - other.average_precision, float(low), float(high))


def average_precision(precision: FloatArray, recall: FloatArray) -> float:
    """The area under the curve, once precision is the best at that recall or a greater one."""
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(recall, prepend=0.0) * envelope).sum())


@dataclass(frozen=True)
class _Spread:
    """The lowest score of a run and the highest, which become 0 and 1."""

    low: float
    high: float

    @classmethod
    def of(cls, found: Sequence[Found]) -> Self:
        scores = np.concatenate([np.zeros(0), *(answer.scores for answer in found)])
        return cls(scores.min(), scores.max()) if len(scores) else cls(0.0, 1.0)

    def apply(self, scores: FloatArray) -> FloatArray:
        if self.low == self.high:  # nothing tells them apart: all are the run's highest
            return np.ones_like(scores)
        return (scores - self.low) / (self.high - self.low)


@dataclass(frozen=True, eq=False)
class _Matched:
    """One picture's detections by falling score, and the label each overlaps enough, or -1."""

    scores: FloatArray
    labels: NDArray[np.intp]


def _match(image: LabelledImage, answer: Found | None, spread: _Spread, iou: float) -> _Matched:
    if answer is None:
        return _Matched(np.zeros(0), np.zeros(0, np.intp))
    order = np.argsort(-answer.scores, kind="stable")
    scores = spread.apply(answer.scores[order])
    return _Matched(scores, best_labels(answer.boxes[order], image.boxes, iou))


def best_labels(boxes: BoxArray, labels: BoxArray, iou: float) -> NDArray[np.intp]:
    """Which label each box overlaps most, [n]: the first of equals, -1 if by less than `iou`."""
    if not len(boxes) or not len(labels):
        return np.full(len(boxes), -1, np.intp)
    found = overlaps(boxes, labels)
    return np.where(found.max(axis=1) >= iou, found.argmax(axis=1), -1)


def _tally(truth: Truth, matched: Sequence[_Matched], subset: str) -> Tallies:
    shape = len(truth.images), _STEPS
    proposals, recalled = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
    for row, (image, picture) in enumerate(zip(truth.images, matched, strict=True)):
        is_proposal, is_first = _judge(picture.labels, image.counted[subset])
        taken = np.searchsorted(-picture.scores, -_THRESHOLDS, side="right")
        proposals[row] = _sums(is_proposal)[taken]
        recalled[row] = _sums(is_first)[taken]
    faces = [image.counted[subset].sum() for image in truth.images]
    return Tallies(proposals, recalled, np.array(faces, np.int32))


def _judge(labels: NDArray[np.intp], counted: BoolArray) -> tuple[BoolArray, BoolArray]:
    """Which detections count at all, and which are the first of a face to be found."""
    is_hit = np.zeros(len(labels), bool)
    is_hit[labels >= 0] = counted[labels[labels >= 0]]
    is_first = np.zeros(len(labels), bool)
    is_first[np.unique(labels, return_index=True)[1]] = True
    return is_hit | (labels < 0), is_first & is_hit


def _sums(flags: BoolArray) -> NDArray[np.int_]:
    """How many of the first 0, 1, 2, ... are set."""
    return np.concatenate([[0], np.cumsum(flags)])


def _rates(
    proposals: NDArray[np.int_], recalled: NDArray[np.int_], faces: int
) -> tuple[FloatArray, FloatArray]:
    """Precision, 1 where nothing is proposed yet, and recall."""
    precision = np.divide(recalled, proposals, out=np.ones(len(proposals)), where=proposals > 0)
    return precision, recalled / max(faces, 1)


def _resampled(curve: Curve, drawn: NDArray[np.int_]) -> FloatArray:
    """The average precision of each draw [rounds, images] of pictures: [rounds]."""
    tallies = curve.tallies
    weights = drawn.astype(np.float64)  # products of floats are many times faster
    proposals = (weights @ tallies.proposals).round().astype(np.int64)
    recalled = (weights @ tallies.recalled).round().astype(np.int64)
    rows = zip(proposals, recalled, drawn @ tallies.faces, strict=True)
    return np.array([average_precision(*_rates(*row)) for row in rows])
