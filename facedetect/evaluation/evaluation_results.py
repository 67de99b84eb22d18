"""The results of an evaluation: each run's scores, and how detectors compare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from facedetect.evaluation.average_precision import PrecisionRecallCurve, score_boxes
from facedetect.evaluation.bootstrap import ConfidenceInterval, bootstrap_difference
from facedetect.evaluation.dataset import Dataset, Metric
from facedetect.evaluation.evaluation_run import EvaluationRun
from facedetect.evaluation.landmark_errors import (
    LandmarkErrors,
    mean_over_common_faces,
    score_landmarks,
)

_SEED = 1


@dataclass(frozen=True, eq=False)
class RunScores:
    """A run's curve per subset, empty if faces are labelled without boxes.

    `landmarks` is None if no face has labelled landmarks.
    """

    run: EvaluationRun
    curves: Mapping[str, PrecisionRecallCurve]
    landmarks: LandmarkErrors | None


@dataclass(frozen=True)
class PrecisionComparison:
    """How much a detector's average precision exceeds the baseline's at the same setting."""

    detector: str
    baseline: str
    setting: str
    subset: str
    difference: ConfidenceInterval


@dataclass(frozen=True)
class LandmarkComparison:
    """Mean landmark errors, per cent, over the `faces` that both detectors found; NaN if none."""

    detector: str
    baseline: str
    setting: str
    detector_mean: float
    baseline_mean: float
    faces: int


@dataclass(frozen=True, eq=False)
class Evaluation:
    """All runs over a dataset; the first detector is the baseline."""

    dataset: Dataset
    iou: float
    scores: tuple[RunScores, ...]
    precision_comparisons: tuple[PrecisionComparison, ...]
    landmark_comparisons: tuple[LandmarkComparison, ...]


def score_run(dataset: Dataset, run: EvaluationRun, *, iou: float = 0.5) -> RunScores:
    """Score a run; `iou` is the minimum IoU of a detection and a labelled box to match."""
    has_boxes = dataset.metric is Metric.AVERAGE_PRECISION
    has_landmarks = any(image.landmarks is not None for image in dataset.images)
    return RunScores(
        run,
        curves=score_boxes(dataset, run.detections, iou=iou) if has_boxes else {},
        landmarks=score_landmarks(dataset, run.detections) if has_landmarks else None,
    )


def compare_runs(
    dataset: Dataset, scores: Sequence[RunScores], *, iou: float = 0.5, rounds: int = 1000
) -> Evaluation:
    """Compare detectors, with confidence intervals from `rounds` bootstrap rounds."""
    return Evaluation(
        dataset,
        iou,
        tuple(scores),
        tuple(_compare_precision(scores, rounds)),
        tuple(_compare_landmarks(scores)),
    )


def _pairs(scores: Sequence[RunScores]) -> Iterator[tuple[RunScores, RunScores]]:
    """Pair each run with the first detector's run at the same setting."""
    for score in scores:
        baseline = next(s for s in scores if s.run.setting == score.run.setting)
        if baseline is not score:
            yield score, baseline


def _compare_precision(scores: Sequence[RunScores], rounds: int) -> Iterator[PrecisionComparison]:
    for score, baseline in _pairs(scores):
        for subset, curve in score.curves.items():
            yield PrecisionComparison(
                score.run.detector,
                baseline.run.detector,
                score.run.setting,
                subset,
                bootstrap_difference(curve, baseline.curves[subset], rounds, _SEED),
            )


def _compare_landmarks(scores: Sequence[RunScores]) -> Iterator[LandmarkComparison]:
    for score, baseline in _pairs(scores):
        if score.landmarks is not None and baseline.landmarks is not None:
            yield LandmarkComparison(
                score.run.detector,
                baseline.run.detector,
                score.run.setting,
                *mean_over_common_faces(score.landmarks, baseline.landmarks),
            )
