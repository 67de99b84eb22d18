"""Every MTCNN package on the same pictures, interleaved in one run: scripts/bench compare.

Each detector runs in a process of its own on the same two cores; the processes take turns, a
few detections at a time, so that what the machine does beside hits all alike.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import geometric_mean, median
from typing import IO

import numpy as np
from rich.console import Console
from rich.progress import track

from benchmarks.environments import PACKAGES, environment, own_python
from benchmarks.pictures import NAMES, pictures
from benchmarks.report import Measured, write_report
from facedetect.faces import Box, pair_boxes
from facedetect.model.freeze import freeze
from facedetect.model.geometry import named_geometry

_WORKER = Path(__file__).with_name("worker.py")
_THREADS = 2
_MIN_SIZES = (20, 40)

# Some runtimes' threads go on spinning for a while after their work is done.
_PAUSE_S = 0.05

OURS = "facedetect"
OURS_REFERENCE = "facedetect reference"
REFERENCE = "tf-mtcnn graph"


@dataclass
class Worker:
    """One detector's process."""

    requests: IO[str]
    answers: IO[str]
    times_ms: dict[str, list[float]] = field(default_factory=dict)
    boxes: dict[str, list[list[float]]] = field(default_factory=dict)
    rss_mb: float = 0.0

    def detect(self, case: str, image: Path, min_size: int) -> None:
        print(
            json.dumps({"image": str(image), "min_size": min_size}), file=self.requests, flush=True
        )
        line = self.answers.readline()
        if not line:
            raise RuntimeError("the worker has ended; its own output says why")
        answer = json.loads(line)
        self.times_ms.setdefault(case, []).extend(answer["ms"])
        self.boxes[case] = answer["boxes"]
        self.rss_mb = answer["rss_mb"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="detections of each case")
    parser.add_argument("--pictures", nargs="+", default=list(NAMES), choices=list(NAMES))
    parser.add_argument("--reference", type=Path, help="the published tf-mtcnn frozen graph")
    parser.add_argument("--rivals", nargs="*", default=list(PACKAGES), choices=list(PACKAGES))
    parser.add_argument("--output", type=Path, default=Path("docs/benchmark"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        scratch = Path(folder)
        freeze(scratch / "mtcnn.pb", geometry=named_geometry("reference"))
        commands: dict[str, list[Path | str]] = {
            OURS: [own_python(), _WORKER, "facedetect", str(_THREADS)],
            OURS_REFERENCE: [
                own_python(),
                _WORKER,
                "frozen-graph",
                str(_THREADS),
                scratch / "mtcnn.pb",
            ],
        }
        if arguments.reference:
            ours = commands[OURS_REFERENCE]
            commands[REFERENCE] = [*ours[:-1], arguments.reference]
        for rival in arguments.rivals:
            commands[rival] = [environment(rival), _WORKER, rival, str(_THREADS)]
        workers = {
            name: stack.enter_context(started(command)) for name, command in commands.items()
        }
        measure(workers, scratch, arguments.pictures, arguments.rounds)
    write_report(arguments.output, [summary(name, w, workers[OURS]) for name, w in workers.items()])


@contextmanager
def started(command: list[Path | str]) -> Iterator[Worker]:
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Worker(process.stdin, process.stdout)
        process.stdin.close()


def measure(workers: dict[str, Worker], scratch: Path, names: list[str], rounds: int) -> None:
    made = pictures()
    paths = {name: scratch / f"{name}.npy" for name in names}
    for name, path in paths.items():
        np.save(path, made[name])
    cases = [(f"{name}, {size}", path, size) for name, path in paths.items() for size in _MIN_SIZES]
    for case, image, min_size in cases:
        for worker in workers.values():
            worker.detect(case, image, min_size)  # not counted: the first of a size is slower
            worker.times_ms[case].clear()
    # Slow rivals take part in fewer rounds: their medians settle as well.
    order = list(workers.values())
    for turn in track(range(rounds), "Measuring", console=Console(stderr=True)):
        for case, image, min_size in cases:
            random.Random(f"{turn} {case}").shuffle(order)  # noqa: S311 - nothing secret
            for worker in order:
                time.sleep(_PAUSE_S)
                if turn < 5 or median(worker.times_ms[case]) < 500:  # noqa: PLR2004
                    worker.detect(case, image, min_size)


def summary(name: str, worker: Worker, ours: Worker) -> Measured:
    medians = {case: median(times) for case, times in worker.times_ms.items()}
    ratios = {case: value / median(ours.times_ms[case]) for case, value in medians.items()}
    return Measured(
        name=name,
        median_ms=medians,
        ratio=ratios,
        mean_ratio=geometric_mean(ratios.values()),
        rss_mb=worker.rss_mb,
        differing=[c for c in medians if not same_faces(worker.boxes[c], ours.boxes[c])],
        faces={case: len(boxes) for case, boxes in worker.boxes.items()},
    )


def same_faces(found: list[list[float]], expected: list[list[float]]) -> bool:
    """Whether each box overlaps one of the other list by half."""
    pairs = pair_boxes([Box(*box) for box in found], [Box(*box) for box in expected])
    return len(pairs) == len(found) == len(expected)


if __name__ == "__main__":
    main()
