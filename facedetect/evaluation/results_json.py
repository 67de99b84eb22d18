"""The results of an evaluation as JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from statistics import mean, median
from typing import Any

import facedetect
from facedetect.evaluation.average_precision import THRESHOLDS, PrecisionRecallCurve
from facedetect.evaluation.evaluation_results import (
    Evaluation,
    LandmarkComparison,
    PrecisionComparison,
    RunScores,
)
from facedetect.evaluation.landmark_errors import LandmarkErrors

_DIGITS = 6


def results_to_json(evaluation: Evaluation, *, with_curves: bool = True) -> dict[str, Any]:
    """Return all figures as JSON values; `with_curves` adds all curve points and faces."""
    dataset = evaluation.dataset
    return {
        "facedetect": facedetect.__version__,
        "dataset": {
            "metric": dataset.metric.value,
            "subsets": dataset.subsets,
            "fingerprint": dataset.fingerprint(),
            "images": len(dataset.images),
        },
        "iou": evaluation.iou,
        "runs": [_run_to_json(scores, with_curves=with_curves) for scores in evaluation.scores],
        "precision_comparisons": [
            _precision_comparison_to_json(item) for item in evaluation.precision_comparisons
        ],
        "landmark_comparisons": [
            _landmark_comparison_to_json(item) for item in evaluation.landmark_comparisons
        ],
    }


def _run_to_json(scores: RunScores, *, with_curves: bool) -> dict[str, Any]:
    run = scores.run
    seconds = [answer.seconds for answer in run.detections if answer.error is None]
    row: dict[str, Any] = {
        "detector": run.detector,
        "identity": run.identity,
        "setting": run.setting,
        "parameters": asdict(run.params),
        "errors": run.errors,
        "detections": sum(len(answer.boxes) for answer in run.detections),
        "seconds_per_image": {
            "mean": _round(mean(seconds)) if seconds else None,
            "median": _round(median(seconds)) if seconds else None,
        },
        "subsets": {
            name: _curve_to_json(curve, with_curves=with_curves)
            for name, curve in scores.curves.items()
        },
    }
    if scores.landmarks is not None:
        row["landmarks"] = _landmarks_to_json(scores.landmarks, with_curves=with_curves)
    return row


def _curve_to_json(curve: PrecisionRecallCurve, *, with_curves: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "faces": curve.faces,
        "average_precision": _round(curve.average_precision),
        "all_detections": asdict(curve.operating_point),
    }
    if with_curves:
        row["curve"] = {
            "thresholds": _round_all(THRESHOLDS.tolist()),
            "precision": _round_all(curve.precision.tolist()),
            "recall": _round_all(curve.recall.tolist()),
            "false_positives": _round_all(curve.false_positives.tolist()),
        }
    return row


def _landmarks_to_json(errors: LandmarkErrors, *, with_curves: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "faces": errors.detected + errors.missed,
        "detected": errors.detected,
        "missed": errors.missed,
        "failures": errors.failures,
        "mean_percent": _round(errors.mean),
        "median_percent": _round(errors.median),
        "mean_percent_by_point": _round_all(errors.mean_by_point.tolist()),
    }
    if with_curves:
        row["percent_by_face"] = _round_all(errors.by_face.tolist())
    return row


def _precision_comparison_to_json(comparison: PrecisionComparison) -> dict[str, Any]:
    limits = asdict(comparison.difference).items()
    return {**asdict(comparison), "difference": {name: _round(value) for name, value in limits}}


def _landmark_comparison_to_json(comparison: LandmarkComparison) -> dict[str, Any]:
    return {
        **asdict(comparison),
        "detector_mean": _round(comparison.detector_mean),
        "baseline_mean": _round(comparison.baseline_mean),
    }


def _round(value: float) -> float | None:
    """Round a number; None for NaN, which JSON does not have."""
    return round(float(value), _DIGITS) if math.isfinite(value) else None


def _round_all(values: Sequence[float]) -> list[float | None]:
    return [_round(value) for value in values]
