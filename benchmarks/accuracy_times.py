"""How long our geometries take beside the reference: in one process, in turns, on real pictures."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import geometric_mean, median

import numpy as np
from rich.console import Console
from rich.progress import track

from benchmarks.accuracy_models import REFERENCE
from facedetect import Detector, load_image
from facedetect.evaluation.truth import Truth
from facedetect.faces import DetectionParams
from facedetect.images import BGRImage


@dataclass(frozen=True)
class Times:
    """A model at a setting; ratios are to the reference, of the same picture."""

    model: str
    setting: str
    median_ms: float
    median_ratio: float
    mean_ratio: float
    low_ratio: float
    high_ratio: float


def measure_times(
    detectors: Mapping[str, Detector],
    settings: Mapping[str, DetectionParams],
    truth: Truth,
    pictures: int,
    rounds: int,
) -> list[Times]:
    """Time so many pictures, spread over the truth, so many times each; the reference is one."""
    step = max(1, len(truth.images) // pictures)
    chosen = truth.images[::step][:pictures]
    measured: dict[tuple[str, str], list[float]] = {}
    for picture in track(chosen, "Timing", console=Console(stderr=True)):
        image = load_image(picture.path)
        for setting, params in settings.items():
            for name, ms in _medians_ms(detectors, image, params, rounds).items():
                measured.setdefault((name, setting), []).append(ms)
    return [_times(name, setting, measured) for name, setting in measured]


def rows(times: list[Times]) -> list[tuple[str, ...]]:
    head = ("model", "setting", "median, ms", "median ratio", "mean ratio", "80 % of pictures")
    shown = [
        (
            row.model,
            row.setting,
            f"{row.median_ms:.1f}",
            f"{row.median_ratio:.2f}x",
            f"{row.mean_ratio:.2f}x",
            f"{row.low_ratio:.2f}x to {row.high_ratio:.2f}x",
        )
        for row in times
    ]
    return [head, *shown]


def _medians_ms(
    detectors: Mapping[str, Detector], image: BGRImage, params: DetectionParams, rounds: int
) -> dict[str, float]:
    """Of each detector; the first time of a size does not count, and the order is random."""
    times: dict[str, list[float]] = {name: [] for name in detectors}
    for detector in detectors.values():
        detector.detect_upright(image, params)
    order = list(detectors)
    for turn in range(rounds):
        random.Random(turn).shuffle(order)  # noqa: S311 - nothing secret
        for name in order:
            started = time.perf_counter()
            detectors[name].detect_upright(image, params)
            times[name].append((time.perf_counter() - started) * 1000)
    return {name: median(values) for name, values in times.items()}


def _times(name: str, setting: str, measured: Mapping[tuple[str, str], list[float]]) -> Times:
    own, reference = measured[name, setting], measured[REFERENCE, setting]
    ratios = [one / other for one, other in zip(own, reference, strict=True)]
    low, high = np.percentile(ratios, (10, 90)).tolist()
    return Times(
        name,
        setting,
        round(median(own), 2),
        round(median(ratios), 4),
        round(geometric_mean(ratios), 4),
        round(low, 4),
        round(high, 4),
    )
