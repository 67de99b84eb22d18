"""Measure the speed and memory of annotate-folder: scripts/bench annotate-folder.

Processes the same archive in turns: with one worker on one core; with two workers on two cores,
with and without writing pictures; with `Detector.detect` on two threads; and with only the model,
on decoded pictures. Then measures the time of each stage, and the command's peak memory for the
whole archive and for a tenth of it.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.progress import track

from benchmarks.arguments import bench_parser
from benchmarks.pages import print_table, write_section
from benchmarks.servers import FACEDETECT, Command
from benchmarks.synthetic_archive import SIDES, make_archive
from facedetect import Detector, load_image
from facedetect.archive.plan import Plan, SourceFile
from facedetect.archive.storage import LocalStorage
from facedetect.images import BGRImage, SourceImage, encode_picture
from facedetect.render import render

ONE, TWO = "one worker, one core", "two workers, two cores"
REPORT_ALONE = "two workers, no pictures written"
DETECTOR, MODEL = "`Detector.detect`, two threads", "the model on decoded pictures, two threads"
_CORES = 2
_DECODED_AT_ONCE = 100
_PROFILED_OF = 10  # every tenth picture


@dataclass(frozen=True)
class CommandRun:
    """One run of the command: pictures, s without and with model loading, peak memory."""

    pictures: int
    seconds: float
    total_s: float
    peak_mb: float

    @property
    def per_second(self) -> float:
        return self.pictures / self.seconds


@dataclass
class Measured:
    """Pictures per second by way and round; the command's runs; ms by stage."""

    per_second: dict[str, list[float]] = field(default_factory=dict)
    runs: dict[str, list[CommandRun]] = field(default_factory=dict)
    stages_ms: dict[str, float] = field(default_factory=dict)
    peak_mb: dict[int, float] = field(default_factory=dict)  # by the number of pictures

    def ratio(self, way: str, other: str) -> float:
        """Return the median ratio over rounds: within a round, the machine's load is similar."""
        pairs = zip(self.per_second[way], self.per_second[other], strict=True)
        return median(one / two for one, two in pairs)


def main() -> None:
    parser = bench_parser("annotate-folder", __doc__, results=".json", page="benchmark-folder.md")
    parser.add_argument("--pictures", type=int, default=2000, help="size of the archive")
    parser.add_argument("--longest", type=int, default=SIDES[1], help="longest side, px")
    parser.add_argument("--rounds", type=int, default=3, help="repetitions of each way")
    arguments = parser.parse_args()
    if len(os.sched_getaffinity(0)) < _CORES:
        sys.exit(f"this benchmark needs {_CORES} cores; found {len(os.sched_getaffinity(0))}")
    with tempfile.TemporaryDirectory() as folder:
        measured = measure(
            Path(folder), arguments.pictures, longest=arguments.longest, rounds=arguments.rounds
        )
    write_report(arguments.output, arguments.page, measured)


def measure(scratch: Path, pictures: int, *, longest: int, rounds: int) -> Measured:
    few, archive = scratch / "few", scratch / "archive"
    make_archive(few, pictures // 10, longest=longest)
    make_archive(archive, pictures, longest=longest)
    measured = Measured()
    for _ in track(range(rounds), "Measuring", console=Console(stderr=True)):
        for way, count, style in (
            (ONE, 1, "box"),
            (TWO, _CORES, "box"),
            (REPORT_ALONE, _CORES, "none"),
        ):
            ran = annotate(archive, "--style", style, workers=count)
            measured.runs.setdefault(way, []).append(ran)
            measured.per_second.setdefault(way, []).append(ran.per_second)
        for way, call in ((DETECTOR, detect_files), (MODEL, detect_decoded)):
            speed = _with_detector(_CORES, partial(call, archive, threads=_CORES))
            measured.per_second.setdefault(way, []).append(speed)
    measured.stages_ms = _with_detector(1, partial(profile, archive))
    measured.peak_mb[pictures // 10] = annotate(few, workers=_CORES).peak_mb
    measured.peak_mb[pictures] = median(ran.peak_mb for ran in measured.runs[TWO])
    return measured


@contextmanager
def _pinned(cores: int) -> Iterator[None]:
    """Limit processes started in the block to that many cores."""
    all_cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, all_cores[:cores])
    try:
        yield
    finally:
        os.sched_setaffinity(0, all_cores)


def annotate(archive: Path, *options: str, workers: int) -> CommandRun:
    """Run the command with one core per worker."""
    with tempfile.TemporaryDirectory(dir=archive.parent) as output, _pinned(workers):
        command: Command = [FACEDETECT, "annotate-folder", archive, output, "--quiet", "--json"]
        began = time.monotonic()
        process = subprocess.Popen(
            [*command, "--workers", str(workers), *options], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        printed = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"the command ended with {process.returncode}: {printed}")
    summary = json.loads(printed)
    total_s = time.monotonic() - began
    return CommandRun(summary["images"], summary["seconds"], total_s, usage.ru_maxrss / 1024)


def _with_detector(cores: int, call: Callable[[Detector], Any]) -> Any:
    """Run a call in a separate process, limited to that many cores."""
    with _pinned(cores), ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_call_with_detector, cores, call).result()


def _call_with_detector(threads: int, call: Callable[[Detector], Any]) -> Any:
    with Detector(f"embedded:?threads={threads}") as detector:
        detector.warm_up()
        return call(detector)


def detect_files(archive: Path, detector: Detector, *, threads: int) -> float:
    """Return the pictures per second of a short script that calls `Detector.detect` on files."""
    paths = [archive / item.name for item in Plan(LocalStorage(archive)).source_files()]
    with ThreadPoolExecutor(threads) as pool:
        started = time.perf_counter()
        for _ in pool.map(detector.detect, paths):
            pass
        return len(paths) / (time.perf_counter() - started)


def detect_decoded(archive: Path, detector: Detector, *, threads: int) -> float:
    """Return the model's pictures per second; batches are decoded first, to fit into memory."""
    names = [item.name for item in Plan(LocalStorage(archive)).source_files()]
    seconds = 0.0
    with ThreadPoolExecutor(threads) as pool:
        for at in range(0, len(names), _DECODED_AT_ONCE):
            paths = (archive / name for name in names[at : at + _DECODED_AT_ONCE])
            images: list[BGRImage] = list(pool.map(load_image, paths))
            images.sort(
                key=lambda image: image.size, reverse=True
            )  # so that threads finish together
            started = time.perf_counter()
            list(pool.map(detector.detect_upright, images))
            seconds += time.perf_counter() - started
    return len(names) / seconds


def profile(archive: Path, detector: Detector) -> dict[str, float]:
    """Return the mean time per stage and picture in one worker, ms."""
    items = list(Plan(LocalStorage(archive)).source_files())[::_PROFILED_OF]
    with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
        output = LocalStorage(Path(folder))
        times = [_stages(detector, LocalStorage(archive), output, item) for item in items]
    return {stage: 1000 * sum(one[stage] for one in times) / len(times) for stage in times[0]}


def _stages(
    detector: Detector, source: LocalStorage, output: LocalStorage, item: SourceFile
) -> dict[str, float]:
    """Process a picture like a worker; return the time of each stage, s."""
    times = [time.perf_counter()]
    data = source.read(item.name)
    times.append(time.perf_counter())
    with SourceImage.open(data, detector.limits) as opened:
        encoding = opened.read_encoding()
        image = opened.decode()
    times.append(time.perf_counter())
    found = detector.detect_upright(image)
    times.append(time.perf_counter())
    shown = render(image, found.faces, "box")
    times.append(time.perf_counter())
    encoded = encode_picture(shown, Path(item.result).suffix, encoding, "keep")
    times.append(time.perf_counter())
    output.write(item.result, encoded)
    times.append(time.perf_counter())
    taken = (end - start for start, end in pairwise(times))
    stages = ("read", "decode", "detect", "draw", "encode", "write")
    return dict(zip(stages, taken, strict=True))


def write_report(output: Path, page: Path, measured: Measured) -> None:
    """Print the tables and write them into `page`; write all measurements to `output`.json."""
    parts = [_speeds(measured), _shares(measured.stages_ms), _memory(measured.peak_mb)]
    write_section(page, "annotate-folder", "\n\n".join(parts))
    output.with_suffix(".json").write_text(json.dumps(asdict(measured), indent=1) + "\n", "utf-8")


def _speeds(measured: Measured) -> str:
    others = {"one worker": ONE, "`Detector.detect`": DETECTOR, "the model": MODEL}
    rows = [["way", "pictures/s", *(f"vs {words}" for words in others), "model load, s"]]
    for way, speeds in measured.per_second.items():
        loads = [ran.total_s - ran.seconds for ran in measured.runs.get(way, [])]
        ratios = [f"{measured.ratio(way, other):.2f}x" for other in others.values()]
        cells = [f"{median(speeds):.1f}", *ratios, f"{median(loads):.1f}" if loads else ""]
        rows.append([way, *cells])
    return print_table(rows)


def _shares(stages_ms: dict[str, float]) -> str:
    total = sum(stages_ms.values())
    rows: list[Sequence[str]] = [["stage", "ms per picture", "share"]]
    rows += [[name, f"{ms:.2f}", f"{ms / total:.1%}"] for name, ms in stages_ms.items()]
    return print_table(rows)


def _memory(peak_mb: dict[int, float]) -> str:
    peaks = ", ".join(f"{peak:.0f} MB for {count:,} pictures" for count, peak in peak_mb.items())
    return f"Peak memory with two workers: {peaks}."


if __name__ == "__main__":
    main()
