"""What an evaluation comes to: each run's scores, how they differ, and all of it as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import mean, median
from typing import Any

import facedetect
from facedetect.evaluation.landmarks import (
    LandmarkErrors,
    MeansOfBoth,
    mean_of_both,
    score_landmarks,
)
from facedetect.evaluation.runs import Run
from facedetect.evaluation.truth import FloatArray, Protocol, Truth
from facedetect.evaluation.wider import Curve, Interval, difference, score_wider

_SEED = 1
_DIGITS = 6


@dataclass(frozen=True, eq=False)
class Scores:
    """A run and what the truth's protocol makes of it: a curve for each subset of the boxes.

    `landmarks` is there if any face of the truth has some.
    """

    run: Run
    curves: Mapping[str, Curve]
    landmarks: LandmarkErrors | None


@dataclass(frozen=True)
class Comparison:
    """By how much a detector's average precision is over another's, at the same setting."""

    detector: str
    baseline: str
    setting: str
    subset: str
    difference: Interval


@dataclass(frozen=True)
class LandmarkComparison:
    """Two detectors' mean errors over the faces that both found: `one` is the detector's."""

    detector: str
    baseline: str
    setting: str
    means: MeansOfBoth


@dataclass(frozen=True, eq=False)
class Evaluation:
    """All runs over one truth; each detector is compared with the first one."""

    truth: Truth
    iou: float
    scores: tuple[Scores, ...]
    comparisons: tuple[Comparison, ...]
    landmark_comparisons: tuple[LandmarkComparison, ...]


def score_run(truth: Truth, run: Run, *, iou: float = 0.5) -> Scores:
    """Score one run as the truth's protocol does; `iou` is WIDER FACE's least overlap."""
    is_wider = truth.protocol is Protocol.WIDER
    has_points = any(image.landmarks is not None for image in truth.images)
    return Scores(
        run,
        curves=score_wider(truth, run.found, iou=iou) if is_wider else {},
        landmarks=score_landmarks(truth, run.found) if has_points else None,
    )


def conclude(
    truth: Truth, scores: Sequence[Scores], *, iou: float = 0.5, rounds: int = 1000
) -> Evaluation:
    """Compare the runs, with intervals from so many rounds of bootstrap."""
    return Evaluation(
        truth,
        iou,
        tuple(scores),
        tuple(_compare(scores, rounds)),
        tuple(_compare_landmarks(scores)),
    )


def to_json(evaluation: Evaluation, *, with_curves: bool = True) -> dict[str, Any]:
    """All figures as values that JSON knows; `with_curves` adds every point and every face."""
    truth = evaluation.truth
    return {
        "facedetect": facedetect.__version__,
        "truth": {
            "protocol": truth.protocol.value,
            "subsets": truth.subsets,
            "fingerprint": truth.fingerprint(),
            "images": len(truth.images),
        },
        "iou": evaluation.iou,
        "runs": [_run_to_json(scores, with_curves=with_curves) for scores in evaluation.scores],
        "comparisons": [
            {**asdict(item), "difference": _rounded(asdict(item.difference))}
            for item in evaluation.comparisons
        ],
        "landmark_comparisons": [
            {**asdict(item), "means": _rounded(asdict(item.means))}
            for item in evaluation.landmark_comparisons
        ],
    }


def _pairs(scores: Sequence[Scores]) -> Iterator[tuple[Scores, Scores]]:
    """Each run, with that of the first detector at the same setting."""
    for score in scores:
        at_setting = (s for s in scores if s.run.setting == score.run.setting)
        first = next(at_setting)
        if first is not score:
            yield score, first


def _compare(scores: Sequence[Scores], rounds: int) -> Iterator[Comparison]:
    for one, other in _pairs(scores):
        for subset, curve in one.curves.items():
            interval = difference(curve, other.curves[subset], rounds, _SEED)
            names = one.run.detector, other.run.detector, one.run.setting
            yield Comparison(*names, subset, interval)


def _compare_landmarks(scores: Sequence[Scores]) -> Iterator[LandmarkComparison]:
    for one, other in _pairs(scores):
        if one.landmarks is not None and other.landmarks is not None:
            means = mean_of_both(one.landmarks, other.landmarks)
            names = one.run.detector, other.run.detector, one.run.setting
            yield LandmarkComparison(*names, means)


def _run_to_json(scores: Scores, *, with_curves: bool) -> dict[str, Any]:
    run = scores.run
    seconds = [found.seconds for found in run.found if found.error is None]
    row: dict[str, Any] = {
        "detector": run.detector,
        "identity": run.identity,
        "setting": run.setting,
        "parameters": asdict(run.params),
        "errors": run.errors,
        "detections": sum(len(found.boxes) for found in run.found),
        "seconds_per_image": {
            "mean": _number(mean(seconds or [math.nan])),
            "median": _number(median(seconds or [math.nan])),
        },
        "subsets": {
            name: _curve_to_json(curve, with_curves=with_curves)
            for name, curve in scores.curves.items()
        },
    }
    if scores.landmarks is not None:
        row["landmarks"] = _landmarks_to_json(scores.landmarks, with_curves=with_curves)
    return row


def _curve_to_json(curve: Curve, *, with_curves: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "faces": curve.faces,
        "average_precision": _number(curve.average_precision),
        "all_detections": asdict(curve.operating_point),
    }
    if with_curves:
        arrays = ("thresholds", "precision", "recall", "false_alarms")
        row["curve"] = {name: _numbers(getattr(curve, name)) for name in arrays}
    return row


def _landmarks_to_json(errors: LandmarkErrors, *, with_curves: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "faces": errors.found + errors.missed,
        "found": errors.found,
        "missed": errors.missed,
        "failures": errors.failures,
        "mean_percent": _number(errors.mean),
        "median_percent": _number(errors.median),
        "mean_percent_by_point": _numbers(errors.mean_by_point),
    }
    if with_curves:
        row["percent_by_face"] = _numbers(errors.by_face)
    return row


def _number(value: float) -> float | None:
    """JSON has no NaN."""
    return round(float(value), _DIGITS) if math.isfinite(value) else None


def _rounded(values: Mapping[str, float]) -> dict[str, float | None]:
    return {name: _number(value) for name, value in values.items()}


def _numbers(values: FloatArray) -> list[float | None]:
    return [_number(value) for value in values.tolist()]
