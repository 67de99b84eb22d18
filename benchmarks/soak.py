"""Run one detector on thousands of pictures of random sizes: scripts/bench soak.

Plots resident memory over time, which must level off, and prints the growth over the last third.
"""

from __future__ import annotations

from statistics import mean

import numpy as np
from rich.console import Console
from rich.progress import track

from benchmarks.arguments import bench_parser
from benchmarks.charts import draw_memory
from benchmarks.pictures import pictures, resize
from benchmarks.process_memory import resident_mb
from facedetect import DetectionParams, Detector

_SIDES = (40, 1600)
_MIN_SIZES = (20, 30, 40, 60)


def main() -> None:
    parser = bench_parser("soak", __doc__, results=".svg")
    parser.add_argument("--images", type=int, default=5000, help="how many pictures")
    arguments = parser.parse_args()
    memory_mb = soak(arguments.images)
    print(describe_growth(memory_mb))
    draw_memory(arguments.output.with_suffix(".svg"), memory_mb, "pictures")


def describe_growth(memory_mb: list[float]) -> str:
    """Return a sentence with the memory after each third, and the growth over the last."""
    tenth = len(memory_mb) // 30 + 1
    third = len(memory_mb) // 3
    early = mean(memory_mb[third : third + tenth])
    late = mean(memory_mb[-third : len(memory_mb) - third + tenth])
    end = mean(memory_mb[-tenth:])
    return (
        f"Resident memory: {early:.0f} MB after one third, {late:.0f} MB after two, {end:.0f} MB "
        f"at the end; the last third added {end / late - 1:.2%}."
    )


def soak(count: int) -> list[float]:
    """Detect faces in `count` pictures; return the resident memory after each, MB."""
    generator = np.random.default_rng(1)
    sources = list(pictures().values())
    memory_mb = []
    with Detector() as detector:
        for _ in track(range(count), "Detecting", console=Console(stderr=True)):
            width, height = generator.integers(*_SIDES, size=2)
            picture = resize(sources[generator.integers(len(sources))], int(width), int(height))
            min_size = int(generator.choice(_MIN_SIZES))
            detector.detect(picture, DetectionParams(min_size=min_size))
            memory_mb.append(resident_mb())
    return memory_mb


if __name__ == "__main__":
    main()
