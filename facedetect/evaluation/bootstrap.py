"""Bootstrap confidence intervals for differences of average precision."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facedetect.arrays import Float64Array
from facedetect.evaluation.average_precision import (
    PrecisionRecallCurve,
    average_precision,
    precision_recall,
)

_PERCENTILES = (2.5, 97.5)  # the limits of a 95 % interval
_ROUNDS_AT_ONCE = 500


@dataclass(frozen=True)
class ConfidenceInterval:
    """An estimate with its 95 % confidence interval."""

    estimate: float
    low: float
    high: float


def bootstrap_difference(
    curve: PrecisionRecallCurve, baseline: PrecisionRecallCurve, rounds: int, seed: int
) -> ConfidenceInterval:
    """Return by how much the average precision of `curve` exceeds that of `baseline`.

    The bootstrap is paired: each round draws as many images as there are, with replacement, and
    computes both average precisions on them.
    """
    images = len(curve.faces_by_image)
    random = np.random.default_rng(seed)
    probabilities = np.full(images, 1 / images)
    differences = []
    for done in range(0, rounds, _ROUNDS_AT_ONCE):  # all rounds might not fit into memory
        size = min(_ROUNDS_AT_ONCE, rounds - done)
        draws = random.multinomial(images, probabilities, size=size)
        differences.append(_resample(curve, draws) - _resample(baseline, draws))
    low, high = np.percentile(np.concatenate(differences), _PERCENTILES)
    estimate = curve.average_precision - baseline.average_precision
    return ConfidenceInterval(estimate, float(low), float(high))


def _resample(curve: PrecisionRecallCurve, draws: NDArray[np.int_]) -> Float64Array:
    """Return the average precision [rounds], given how often images were drawn [rounds, images]."""
    weights = draws.astype(np.float64)  # matrix products are much faster on floats
    detections = (weights @ curve.detections_by_image).round().astype(np.int64)
    true_positives = (weights @ curve.true_positives_by_image).round().astype(np.int64)
    rows = zip(detections, true_positives, draws @ curve.faces_by_image, strict=True)
    return np.array([average_precision(*precision_recall(*row)) for row in rows])
