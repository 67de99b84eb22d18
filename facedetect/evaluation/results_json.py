"""The results of an evaluation as JSON."""

from __future__ import annotations

import math
from dataclasses import asdict
from statistics import mean, median
from typing import Any

import facedetect
from facedetect.evaluation.average_precision import THRESHOLDS, PrecisionRecallCurve
from facedetect.evaluation.evaluation_results import Evaluation, RunScores
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
        "precision_comparisons": _rounded(
            [asdict(row) for row in evaluation.precision_comparisons]
        ),
        "landmark_comparisons": _rounded([asdict(row) for row in evaluation.landmark_comparisons]),
    }


def _run_to_json(scores: RunScores, *, with_curves: bool) -> dict[str, Any]:
    run = scores.run
    row: dict[str, Any] = {
        "detector": run.detector,
        "identity": run.identity,
        "setting": run.setting,
        "parameters": asdict(run.params),
        "errors": run.errors,
        "detections": sum(len(answer.boxes) for answer in run.detections),
        "seconds_per_image": {
            "mean": _rounded(mean(run.seconds)) if run.seconds else None,
            "median": _rounded(median(run.seconds)) if run.seconds else None,
        },
        "subsets": {
            name: _curve_to_json(curve, with_curves=with_curves)
            for name, curve in scores.curves.items()
        },
    }
    if scores.landmarks is not None:
        landmarks = _landmarks_to_json(scores.landmarks, with_curves=with_curves)
        row["landmarks"] = _rounded(landmarks)
    return row


def _curve_to_json(curve: PrecisionRecallCurve, *, with_curves: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "faces": curve.faces,
        "average_precision": _rounded(curve.average_precision),
        "all_detections": asdict(curve.operating_point),
    }
    if with_curves:
        points = {
            "thresholds": THRESHOLDS,
            "precision": curve.precision,
            "recall": curve.recall,
            "false_positives": curve.false_positives,
        }
        row["curve"] = {name: _rounded(values.tolist()) for name, values in points.items()}
    return row


def _landmarks_to_json(errors: LandmarkErrors, *, with_curves: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "faces": errors.detected + errors.missed,
        "detected": errors.detected,
        "missed": errors.missed,
        "failures": errors.failures,
        "mean_percent": errors.mean,
        "median_percent": errors.median,
        "mean_percent_by_point": errors.mean_by_point.tolist(),
    }
    if with_curves:
        row["percent_by_face"] = errors.by_face.tolist()
    return row


def _rounded(value: Any) -> Any:
    """Round all numbers in a value; NaN, which JSON does not have, becomes None."""
    if isinstance(value, float):
        return round(value, _DIGITS) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return [_rounded(inner) for inner in value] if isinstance(value, list) else value
