"""Accuracy at many thresholds and min_sizes: one run per pair of the first two thresholds.

The third threshold needs no separate runs: the last suppression is by descending score, so a higher
threshold removes detections without changing others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from facedetect.detection_params import DetectionParams
from facedetect.evaluation.dataset import Dataset
from facedetect.evaluation.evaluation_results import score_run
from facedetect.evaluation.evaluation_run import EvaluationRun
from facedetect.evaluation.image_detections import ImageDetections
from facedetect.evaluation.plots import PlotCurve

MIN_SIZES = (12, 20, 40)

_PAIRS = ((0.5, 0.5), (0.6, 0.6), (0.6, 0.7), (0.7, 0.8))
_THIRD = (0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
_SHOWN = (
    (0.5, 0.5, 0.3),
    (0.5, 0.5, 0.5),
    (0.6, 0.6, 0.6),
    (0.6, 0.7, 0.7),
    (0.6, 0.7, 0.9),
    (0.7, 0.8, 0.9),
    (0.7, 0.8, 0.99),
)


@dataclass(frozen=True)
class Choice:
    """Parameters and their accuracy; `false_positives` is a mean per image."""

    min_size: float
    thresholds: tuple[float, float, float]
    precision: Mapping[str, float]
    recall: Mapping[str, float]
    false_positives: float


def settings() -> dict[str, DetectionParams]:
    """Return the runs to do: those with the lowest third threshold."""
    return {
        f"{size} {first} {second}": DetectionParams(size, thresholds=(first, second, _THIRD[0]))
        for size in MIN_SIZES
        for first, second in _PAIRS
    }


def choices(dataset: Dataset, runs: Sequence[EvaluationRun]) -> list[Choice]:
    """Score every run at every third threshold."""
    return [_choice(dataset, run, third) for run in runs for third in _THIRD]


def rows(scored: Sequence[Choice], subsets: Sequence[str]) -> list[tuple[str, ...]]:
    """Return a table of some choices, from high recall to high precision.

    Precision is for the last subset, which has all faces.
    """
    header = (
        "min_size",
        "thresholds",
        "precision",
        *(f"recall, {subset}" for subset in subsets),
        "false positives per image",
    )
    shown = [
        (
            f"{choice.min_size:g}",
            " ".join(map(str, choice.thresholds)),
            f"{choice.precision[subsets[-1]]:.3f}",
            *(f"{choice.recall[subset]:.3f}" for subset in subsets),
            f"{choice.false_positives:.2f}",
        )
        for choice in scored
        if choice.thresholds in _SHOWN
    ]
    return [header, *shown]


def curves(scored: Sequence[Choice], subset: str) -> list[PlotCurve]:
    """Return recall against false positives along the third threshold; colours are min_sizes."""
    drawn = []
    for size in MIN_SIZES:
        for pair in _PAIRS:
            of_pair = [c for c in scored if c.min_size == size and c.thresholds[:2] == pair]
            false_positives = np.array([choice.false_positives for choice in of_pair])
            recall = np.array([choice.recall[subset] for choice in of_pair])
            note = f"third {_THIRD[0]} to {_THIRD[-1]}"
            names = f"min_size {size}", f"{pair[0]} {pair[1]}"
            drawn.append(PlotCurve(*names, note, false_positives, recall))
    return drawn


def choices_to_json(scored: Sequence[Choice]) -> list[dict[str, object]]:
    return [asdict(choice) for choice in scored]


def _choice(dataset: Dataset, run: EvaluationRun, third: float) -> Choice:
    first, second, _ = run.params.thresholds
    kept = replace(run, detections=tuple(_above(answer, third) for answer in run.detections))
    curves = score_run(dataset, kept).curves
    points = {subset: curve.operating_point for subset, curve in curves.items()}
    return Choice(
        run.params.min_size,
        (first, second, third),
        {name: round(point.precision, 6) for name, point in points.items()},
        {name: round(point.recall, 6) for name, point in points.items()},
        round(points[dataset.subsets[-1]].false_positives / len(dataset.images), 6),
    )


def _above(detections: ImageDetections, threshold: float) -> ImageDetections:
    is_kept = detections.scores > threshold
    points = None if detections.landmarks is None else detections.landmarks[is_kept]
    return replace(
        detections,
        boxes=detections.boxes[is_kept],
        scores=detections.scores[is_kept],
        landmarks=points,
    )
