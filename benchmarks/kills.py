"""Kill and resume annotate-folder many times: scripts/bench kills.

Each run over the same archive gets SIGKILL at a random moment, and the next one resumes. The final
results must be byte for byte those of an uninterrupted run.
"""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import track

from benchmarks.arguments import bench_parser
from benchmarks.bad_files import write_bad_files
from benchmarks.pages import print_table, write_section
from benchmarks.servers import FACEDETECT, Command
from benchmarks.synthetic_archive import make_archive
from benchmarks.synthetic_video import make_clip
from facedetect.archive.storage import RUN_FOLDER

_POLL_S = 0.005
_ENDED = (0, 1)  # no file failed; some did


@dataclass(frozen=True)
class Kill:
    """One run: results before and after it, and how many it rewrote."""

    results_before: int
    results_after: int
    after_s: float
    redone: int


@dataclass(frozen=True)
class KillReport:
    """The killed runs, the one that finished, and the files that differ from the baseline."""

    kills: list[Kill]
    last: Kill
    files: int
    differing: list[str]


def main() -> None:
    parser = bench_parser("kills", __doc__, page="benchmark-folder.md")
    parser.add_argument("--pictures", type=int, default=300, help="size of the archive")
    parser.add_argument("--kills", type=int, default=20, help="runs to kill")
    parser.add_argument("--longest", type=int, default=1200, help="longest side, px")
    parser.add_argument("--workers", type=int, default=2, help="of annotate-folder")
    parser.add_argument("--seed", type=int, default=1, help="of the archive and the kills")
    arguments = parser.parse_args()
    options = ["--workers", str(arguments.workers), "--style", "blur", "--crops", "aligned"]
    options += ["--clear-crops"]
    options += ["--report", "jsonl,csv,coco,html"]
    with tempfile.TemporaryDirectory() as folder:
        archive, scratch = Path(folder) / "archive", Path(folder) / "results"
        make_archive(archive, arguments.pictures, seed=arguments.seed, longest=arguments.longest)
        write_bad_files(archive / "bad")
        make_clip(archive / "clip.mp4", 4)
        report = run(archive, scratch, options, kills=arguments.kills, seed=arguments.seed)
    write_section(arguments.page, "kills", format_report(report))
    if report.differing:
        sys.exit(
            f"{len(report.differing)} files differ from the uninterrupted run's, such as "
            f"{report.differing[:10]}"
        )


def run(
    archive: Path,
    scratch: Path,
    options: Sequence[str],
    *,
    kills: int,
    seed: int = 1,
    pause_s: float = 0.5,
) -> KillReport:
    """Process an archive uninterrupted, then with kills, each up to `pause_s` after a result."""
    generator = random.Random(seed)  # noqa: S311 - nothing secret
    baseline, killed = scratch / "baseline", scratch / "killed"
    _run_to_end(_command(archive, baseline, options))
    results = len(results_of(baseline))
    moments = sorted(generator.sample(range(results), kills))
    command = _command(archive, killed, options)
    runs = []
    for moment in track(moments, "Killing", console=Console(stderr=True)):
        wait_s = generator.uniform(0, pause_s)
        runs.append(_observed(killed, partial(_kill_at, command, killed, moment, wait_s)))
    last = _observed(killed, partial(_run_to_end, command))
    return KillReport(runs, last, results, differing_files(baseline, killed))


def results_of(folder: Path) -> dict[str, tuple[int, int]]:
    """Return an output folder's files except reports, with what changes on a rewrite."""
    found = {}
    for here, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != RUN_FOLDER]
        for name in names:
            path = Path(here) / name
            if not (path.parent == folder and name.startswith("report.")):
                found[str(path.relative_to(folder))] = _identity(path)
    return found


def _identity(path: Path) -> tuple[int, int]:
    try:
        state = path.lstat()
    except FileNotFoundError:  # a partial file, renamed in the meantime
        return 0, 0
    return state.st_ino, state.st_mtime_ns


def differing_files(first: Path, second: Path) -> list[str]:
    """Return files that exist in only one of the folders, or whose bytes differ."""
    sums = [{name: _sum(folder / name) for name in _files(folder)} for folder in (first, second)]
    names = sums[0].keys() | sums[1].keys()
    return sorted(name for name in names if sums[0].get(name) != sums[1].get(name))


def _files(folder: Path) -> list[str]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    names = (path.relative_to(folder) for path in paths)
    return [str(name) for name in names if name.parts[0] != RUN_FOLDER]


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _command(archive: Path, output: Path, options: Sequence[str]) -> Command:
    return [FACEDETECT, "annotate-folder", archive, output, "--quiet", *options]


def _run_to_end(command: Command) -> None:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode not in _ENDED:
        raise RuntimeError(f"the command exited with {ended.returncode}: {ended.stderr}")


def _kill_at(command: Command, output: Path, results: int, wait_s: float) -> None:
    """Kill the command `wait_s` after it has written that many results."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        while process.poll() is None and len(results_of(output)) < results:
            time.sleep(_POLL_S)
        time.sleep(wait_s)
        process.kill()


def _observed(output: Path, do: Callable[[], object]) -> Kill:
    before, began = results_of(output), time.monotonic()
    do()
    after = results_of(output)
    redone = sum(after.get(name) != identity for name, identity in before.items())
    return Kill(len(before), len(after), time.monotonic() - began, redone)


def format_report(report: KillReport) -> str:
    """Print a table of the runs; returns it as Markdown, with the outcome."""
    rows = [["run", "ended after, s", "results before", "results after", "rewritten"]]
    for number, one in enumerate([*report.kills, report.last], 1):
        cells = [one.results_before, one.results_after, one.redone]
        rows.append([str(number), f"{one.after_s:.1f}", *map(str, cells)])
    outcome = "none differs" if not report.differing else f"{len(report.differing)} differ"
    return (
        f"{print_table(rows)}\n\n{report.files} result files. Compared with an uninterrupted run, "
        f"reports included, {outcome}."
    )


if __name__ == "__main__":
    main()
