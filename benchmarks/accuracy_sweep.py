"""What thresholds and min_size are worth: a run for each pair of the first two thresholds.

The third threshold needs no runs of its own: the last suppression goes by falling score, so that
raising it takes answers away and changes no other one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from facedetect.evaluation.detections import Found
from facedetect.evaluation.plots import Line
from facedetect.evaluation.results import score_run
from facedetect.evaluation.runs import Run
from facedetect.evaluation.truth import Truth
from facedetect.faces import DetectionParams

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
    """Parameters, and what all answers at them come to; counts are of one picture."""

    min_size: float
    thresholds: tuple[float, float, float]
    precision: Mapping[str, float]
    recall: Mapping[str, float]
    false_alarms: float


def settings() -> dict[str, DetectionParams]:
    """The runs to make: those with the lowest third threshold."""
    return {
        f"{size} {first} {second}": DetectionParams(size, thresholds=(first, second, _THIRD[0]))
        for size in MIN_SIZES
        for first, second in _PAIRS
    }


def choices(truth: Truth, runs: Sequence[Run]) -> list[Choice]:
    """Every run at every third threshold."""
    return [_choice(truth, run, third) for run in runs for third in _THIRD]


def rows(found: Sequence[Choice], subsets: Sequence[str]) -> list[tuple[str, ...]]:
    """A table of some choices, from few misses to few false alarms; the last subset has all."""
    head = (
        "min_size",
        "thresholds",
        "precision",
        *(f"recall, {subset}" for subset in subsets),
        "false alarms a picture",
    )
    shown = [
        (
            f"{choice.min_size:g}",
            " ".join(map(str, choice.thresholds)),
            f"{choice.precision[subsets[-1]]:.3f}",
            *(f"{choice.recall[subset]:.3f}" for subset in subsets),
            f"{choice.false_alarms:.2f}",
        )
        for choice in found
        if choice.thresholds in _SHOWN
    ]
    return [head, *shown]


def lines(found: Sequence[Choice], subset: str) -> list[Line]:
    """Recall against false alarms as the third threshold falls: colours are min_sizes."""
    drawn = []
    for size in MIN_SIZES:
        for pair in _PAIRS:
            of_pair = [c for c in found if c.min_size == size and c.thresholds[:2] == pair]
            alarms = np.array([choice.false_alarms for choice in of_pair])
            recall = np.array([choice.recall[subset] for choice in of_pair])
            note = f"third {_THIRD[0]} to {_THIRD[-1]}"
            drawn.append(Line(f"min_size {size}", f"{pair[0]} {pair[1]}", note, alarms, recall))
    return drawn


def to_json(found: Sequence[Choice]) -> list[dict[str, object]]:
    return [asdict(choice) for choice in found]


def _choice(truth: Truth, run: Run, third: float) -> Choice:
    first, second, _ = run.params.thresholds
    kept = replace(run, found=tuple(_above(found, third) for found in run.found))
    points = {name: curve.operating_point for name, curve in score_run(truth, kept).curves.items()}
    return Choice(
        run.params.min_size,
        (first, second, third),
        {name: round(point.precision, 6) for name, point in points.items()},
        {name: round(point.recall, 6) for name, point in points.items()},
        round(points[truth.subsets[-1]].false_alarms / len(truth.images), 6),
    )


def _above(found: Found, threshold: float) -> Found:
    is_kept = found.scores > threshold
    points = None if found.landmarks is None else found.landmarks[is_kept]
    return replace(
        found, boxes=found.boxes[is_kept], scores=found.scores[is_kept], landmarks=points
    )
