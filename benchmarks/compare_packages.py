"""Compare the speed of MTCNN packages on the same pictures: scripts/bench compare-packages.

Each detector runs in its own process on the same two cores. The processes take turns every few
detections, so that background load affects all of them equally.
"""

from __future__ import annotations

import json
import random
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import geometric_mean, median
from typing import IO

import numpy as np
from rich.console import Console
from rich.progress import track

from benchmarks.arguments import add_choices, bench_parser
from benchmarks.charts import draw_packages
from benchmarks.environments import PACKAGES, environment, own_python
from benchmarks.pages import print_table, write_section
from benchmarks.pictures import NAMES, pictures
from benchmarks.servers import Command
from facedetect.faces import Box
from facedetect.model.freeze import freeze
from facedetect.pairing import pair_boxes

_PROGRAM = Path(__file__).with_name("timed_detector.py")
_THREADS = 2
_MIN_SIZES = (20, 40)

# The threads of some runtimes keep spinning for a while after their work is done.
_PAUSE_S = 0.05

OURS = "facedetect"
OURS_GRAPH = "facedetect graph"
REFERENCE = "tf-mtcnn graph"


@dataclass
class DetectorProcess:
    """One detector's process and its answers so far."""

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
            raise RuntimeError("the detector's process exited; see its output above for the reason")
        answer = json.loads(line)
        self.times_ms.setdefault(case, []).extend(answer["ms"])
        self.boxes[case] = answer["boxes"]
        self.rss_mb = answer["rss_mb"]


@dataclass(frozen=True)
class PackageResult:
    """One detector's medians and their ratios to ours, final memory, and cases that differ."""

    name: str
    median_ms: dict[str, float]
    ratio: dict[str, float]
    mean_ratio: float
    rss_mb: float
    differing: list[str]
    faces: dict[str, int]


def main() -> None:
    parser = bench_parser(
        "compare-packages", __doc__, results=".json and .svg", page="benchmark.md"
    )
    parser.add_argument("--rounds", type=int, default=15, help="rounds over all pictures")
    add_choices(parser, "--pictures", NAMES, "pictures to detect faces in", nargs="+")
    parser.add_argument("--reference", type=Path, help="the published tf-mtcnn frozen graph")
    add_choices(parser, "--rivals", PACKAGES, "what to compare with")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        scratch = Path(folder)
        commands = detector_commands(scratch, arguments.reference, arguments.rivals)
        processes = {
            name: stack.enter_context(started(command)) for name, command in commands.items()
        }
        measure(processes, scratch, arguments.pictures, arguments.rounds)
    results = [summarize(name, p, processes[OURS]) for name, p in processes.items()]
    write_report(arguments.output, arguments.page, results)


def detector_commands(
    scratch: Path, reference: Path | None, rivals: Sequence[str]
) -> dict[str, Command]:
    """Return each detector's command, ours first; freezes our graph into `scratch`."""
    freeze(scratch / "mtcnn.pb")
    graph: Command = [own_python(), _PROGRAM, "frozen-graph", str(_THREADS)]
    commands: dict[str, Command] = {
        OURS: [own_python(), _PROGRAM, "facedetect", str(_THREADS)],
        OURS_GRAPH: [*graph, scratch / "mtcnn.pb"],
    }
    if reference is not None:
        commands[REFERENCE] = [*graph, reference]
    for rival in rivals:
        commands[rival] = [environment(rival), _PROGRAM, rival, str(_THREADS)]
    return commands


@contextmanager
def started(command: Command) -> Iterator[DetectorProcess]:
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield DetectorProcess(process.stdin, process.stdout)
        process.stdin.close()


def measure(
    processes: dict[str, DetectorProcess], scratch: Path, names: list[str], rounds: int
) -> None:
    made = pictures()
    paths = {name: scratch / f"{name}.npy" for name in names}
    for name, path in paths.items():
        np.save(path, made[name])
    cases = [(f"{name}, {size}", path, size) for name, path in paths.items() for size in _MIN_SIZES]
    for case, image, min_size in cases:
        for process in processes.values():
            process.detect(case, image, min_size)  # warm-up: the first call of a size is slower
            process.times_ms[case].clear()
    # Slow rivals skip rounds; their medians converge anyway.
    order = list(processes.values())
    for turn in track(range(rounds), "Measuring", console=Console(stderr=True)):
        for case, image, min_size in cases:
            random.Random(f"{turn} {case}").shuffle(order)  # noqa: S311 - nothing secret
            for process in order:
                time.sleep(_PAUSE_S)
                if turn < 5 or median(process.times_ms[case]) < 500:  # noqa: PLR2004
                    process.detect(case, image, min_size)


def summarize(name: str, process: DetectorProcess, ours: DetectorProcess) -> PackageResult:
    medians = {case: median(times) for case, times in process.times_ms.items()}
    ratios = {case: value / median(ours.times_ms[case]) for case, value in medians.items()}
    return PackageResult(
        name=name,
        median_ms=medians,
        ratio=ratios,
        mean_ratio=geometric_mean(ratios.values()),
        rss_mb=process.rss_mb,
        differing=[c for c in medians if not same_faces(process.boxes[c], ours.boxes[c])],
        faces={case: len(boxes) for case, boxes in process.boxes.items()},
    )


def same_faces(found: list[list[float]], expected: list[list[float]]) -> bool:
    """Return whether boxes pair up one to one at an IoU of 0.5."""
    pairs = pair_boxes([Box(*box) for box in found], [Box(*box) for box in expected])
    return len(pairs) == len(found) == len(expected)


def write_report(output: Path, page: Path, results: Sequence[PackageResult]) -> None:
    """Print the table and write it into `page`; write `output`.json and .svg."""
    rows = [["picture, min_size", *(one.name for one in results)]]
    rows += [[case, *(_cell(one, case) for one in results)] for case in results[0].median_ms]
    rows.append(["**geometric mean**", *(f"**{one.mean_ratio:.2f}x**" for one in results)])
    rows.append(["memory at the end, MB", *(f"{one.rss_mb:.0f}" for one in results)])
    write_section(page, "compare-packages", print_table(rows))
    text = json.dumps([asdict(one) for one in results], indent=1)
    output.with_suffix(".json").write_text(f"{text}\n", "utf-8")
    draw_packages(output.with_suffix(".svg"), {one.name: one.mean_ratio for one in results})


def _cell(result: PackageResult, case: str) -> str:
    star = r"\*" if case in result.differing else ""
    return f"{result.median_ms[case]:.1f} ({result.ratio[case]:.2f}x){star}"


if __name__ == "__main__":
    main()
