"""Thousands of pictures of random sizes through one detector: scripts/bench soak.

Resident memory is drawn over time; it must level off. Prints by how much the last third of the
pictures added to it.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import mean

import matplotlib as mpl
import numpy as np
from rich.console import Console
from rich.progress import track

from benchmarks.memory import resident_mb
from benchmarks.pictures import pictures, resize
from facedetect import DetectionParams, Detector

mpl.use("svg")

_SIDES = (40, 1600)
_MIN_SIZES = (20, 30, 40, 60)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--output", type=Path, default=Path("docs/benchmark-memory.svg"))
    arguments = parser.parse_args()
    memory_mb = soak(arguments.images)
    print(growth_of(memory_mb))
    draw(arguments.output, memory_mb)


def growth_of(memory_mb: list[float]) -> str:
    """Where the memory was, and what the last third of the pictures added."""
    tenth = len(memory_mb) // 30 + 1
    third = len(memory_mb) // 3
    early = mean(memory_mb[third : third + tenth])
    late = mean(memory_mb[-third : len(memory_mb) - third + tenth])
    end = mean(memory_mb[-tenth:])
    return (
        f"Resident memory: {early:.0f} MB after a third, {late:.0f} MB after two, {end:.0f} MB at "
        f"the end; the last third added {end / late - 1:.2%}."
    )


def soak(count: int) -> list[float]:
    """Detect in `count` pictures; resident memory after each, MB."""
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


def draw(path: Path, memory_mb: list[float]) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 3))
    axes.plot(memory_mb, color="#3d7a3d")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("pictures")
    axes.set_ylabel("resident memory, MB")
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    main()
