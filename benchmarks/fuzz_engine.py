"""Fuzz the native engine: all instruction sets must give the same answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from benchmarks.mutations import random_of
from benchmarks.pictures import pictures
from facedetect import DetectionParams
from facedetect.engine.engine import Engine, instruction_sets
from facedetect.errors import BackendTimeout
from facedetect.images import BGRImage
from facedetect.mtcnn.geometry import named_geometry
from facedetect.mtcnn.weights import load_weights

_LONGEST_SIDE = 400
_GEOMETRIES = [("accurate", False), ("accurate", True), ("reference", False)]

# The tolerance of boxes and landmarks, px, and of scores.
_BOUNDS = (1e-3, 0.02, 0.02)

Answer = tuple[NDArray[np.float32], ...]


@dataclass
class EngineResult:
    """The outcome of all cases; failures by case number."""

    cases: int = 0
    faces: int = 0
    failures: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Case:
    image: BGRImage
    params: DetectionParams
    timeout_s: float | None


def fuzz_engine(seed: int, first: int, count: int) -> EngineResult:
    """Run the cases `first` to `first + count` of a seed."""
    engines, photographs = list(_open_engines()), list(pictures().values())
    result = EngineResult()
    progress = Console(stderr=True)
    for number in track(range(first, first + count), "Detecting", console=progress):
        random = random_of(seed, number)
        *others, plain = random.choice(engines)
        case = _make_case(random, photographs)
        expected = plain.detect(case.image, case.params)
        result.cases += 1
        result.faces += len(expected[0])
        for engine in others:
            fault = _compare(engine, case, expected)
            if fault:
                result.failures[number] = f"{engine.instruction_set}: {fault}; {_describe(case)}"
    return result


def report_engine(result: EngineResult) -> None:
    """Print the number of cases and faces, and each failure."""
    print(f"{result.cases} cases, {result.faces} faces, {len(result.failures)} failures")
    for number, fault in result.failures.items():
        print(f"{number}: {fault}")


def _open_engines() -> Iterator[list[Engine]]:
    """Yield an engine per instruction set for each geometry; plain ones are last."""
    weights = load_weights(None)
    for name, averages in _GEOMETRIES:
        geometry = named_geometry(name, averages_landmarks=averages)
        yield [Engine(weights, geometry, threads=2, instruction_set=s) for s in instruction_sets()]


def _make_case(random: Random, photographs: list[BGRImage]) -> _Case:
    params = DetectionParams(
        min_size=random.choice([8, 12, 20, 37.3, 200, random.uniform(8, 60)]),
        factor=random.choice([0.1, 0.5, 0.709, 0.79, 0.9, random.uniform(0.1, 0.9)]),
        thresholds=(_threshold(random), _threshold(random), _threshold(random)),
    )
    timeout_s = random.choice([None] * 9 + [random.uniform(0, 0.02)])
    return _Case(_make_image(random, photographs), params, timeout_s)


def _threshold(random: Random) -> float:
    return random.choice([0.3, 0.6, 0.7, 0.95, random.uniform(0.2, 0.99)])


def _make_image(random: Random, photographs: list[BGRImage]) -> BGRImage:
    """Return part of a photograph, or noise, of any size, aspect ratio and memory layout."""
    height, width = _side(random), _side(random)
    kind = random.randrange(4)
    if kind == 0:
        return np.full((height, width, 3), random.randrange(256), np.uint8)
    if kind == 1:
        low, high = sorted(random.choices(range(256), k=2))
        generator = np.random.default_rng(random.getrandbits(32))
        return generator.integers(low, high + 1, (height, width, 3), np.uint8)
    picture = random.choice(photographs)
    if random.choice([False, True]):
        picture = picture[:, ::-1]
    step = random.choice([1, 1, 2, 3])
    picture = picture[::step, ::step]
    top = random.randrange(max(picture.shape[0] - height, 0) + 1)
    left = random.randrange(max(picture.shape[1] - width, 0) + 1)
    return picture[top : top + height, left : left + width]


def _side(random: Random) -> int:
    return random.choice([random.randint(1, 30), random.randint(1, _LONGEST_SIDE)])


def _compare(engine: Engine, case: _Case, expected: Answer) -> str | None:
    try:
        found = engine.detect(case.image, case.params, case.timeout_s)
    except BackendTimeout:
        return None if case.timeout_s is not None else "an unexpected timeout"
    if len(found[0]) != len(expected[0]):
        return f"{len(found[0])} faces instead of {len(expected[0])}"
    if len(found[0]) == 0:
        return None
    # Scores that are equal except for rounding may swap places.
    pairs = np.abs(found[2][:, np.newaxis] - expected[2]).max(axis=2).argmin(axis=1)
    largest = [float(np.abs(a - b[pairs]).max()) for a, b in zip(found, expected, strict=True)]
    if all(value <= bound for value, bound in zip(largest, _BOUNDS, strict=True)):
        return None
    return "score {:.2g}, landmarks {:.2g}, box {:.2g} differ".format(*largest)


def _describe(case: _Case) -> str:
    height, width = case.image.shape[:2]
    return f"{width}x{height}, {case.params}"
