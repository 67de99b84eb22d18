"""Time our geometries relative to the reference: in one process, in turns, on real images."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import geometric_mean, median

import numpy as np
from rich.console import Console
from rich.progress import track

from benchmarks.accuracy_models import REFERENCE
from facedetect import Detector, load_image
from facedetect.detection_params import DetectionParams
from facedetect.evaluation.dataset import Dataset
from facedetect.images import BGRImage


@dataclass(frozen=True)
class Times:
    """A model at a setting; ratios are relative to the reference on the same image."""

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
    dataset: Dataset,
    images: int,
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> list[Times]:
    """Time `images` images, spread over the dataset, `rounds` times each.

    One of the detectors is the reference.
    """
    step = max(1, len(dataset.images) // images)
    chosen = dataset.images[::step][:images]
    measured: dict[tuple[str, str], list[float]] = {}
    for labelled in track(chosen, "Timing", console=Console(stderr=True)):
        image = load_image(labelled.path)
        for setting, params in settings.items():
            for name, ms in _medians_ms(detectors, image, params, rounds, clock).items():
                measured.setdefault((name, setting), []).append(ms)
    return [_times(name, setting, measured) for name, setting in measured]


def rows(times: list[Times]) -> list[tuple[str, ...]]:
    header = ("model", "setting", "median, ms", "median ratio", "mean ratio", "80 % of images")
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
    return [header, *shown]


def _medians_ms(
    detectors: Mapping[str, Detector],
    image: BGRImage,
    params: DetectionParams,
    rounds: int,
    clock: Callable[[], float],
) -> dict[str, float]:
    """Time the detectors in random order; the first call for an image size does not count."""
    times: dict[str, list[float]] = {name: [] for name in detectors}
    for detector in detectors.values():
        detector.detect_upright(image, params)
    order = list(detectors)
    for turn in range(rounds):
        random.Random(turn).shuffle(order)  # noqa: S311 - nothing secret
        for name in order:
            started = clock()
            detectors[name].detect_upright(image, params)
            times[name].append((clock() - started) * 1000)
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
