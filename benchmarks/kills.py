"""annotate-folder killed again and again: scripts/bench kills.

Each run over the same archive is killed (SIGKILL) once so many results are there and a random time
has passed; the next one goes on. What is there in the end must equal, byte for byte, what a run
that nobody disturbed has made.
"""

from __future__ import annotations

import argparse
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

from benchmarks.archive import make_archive
from benchmarks.bad_files import write_bad_files
from benchmarks.clips import make_clip
from benchmarks.pages import told_table, write_section
from benchmarks.servers import FACEDETECT, Command

STATE = ".facedetect"
_LOOK_EVERY_S = 0.005
_ENDED = (0, 1)  # all well; some file failed


@dataclass(frozen=True)
class Kill:
    """One of the runs: how many results it found and left, and how many it wrote anew."""

    results_before: int
    results_after: int
    after_s: float
    redone: int


@dataclass(frozen=True)
class Survived:
    """The killed runs, the last one that ended, and which files differ from the undisturbed."""

    kills: list[Kill]
    last: Kill
    files: int
    differing: list[str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=300)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--longest", type=int, default=1200, help="side of a picture, px")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--page", type=Path, default=Path("docs/benchmark-folder.md"))
    arguments = parser.parse_args()
    options = ["--workers", str(arguments.workers), "--style", "blur", "--crops", "aligned"]
    options += ["--report", "jsonl,csv,coco,html"]
    with tempfile.TemporaryDirectory() as folder:
        archive, scratch = Path(folder) / "archive", Path(folder) / "results"
        make_archive(archive, arguments.pictures, seed=arguments.seed, longest=arguments.longest)
        write_bad_files(archive / "bad")
        make_clip(archive / "clip.mp4", 4)
        survived = run(archive, scratch, options, kills=arguments.kills, seed=arguments.seed)
    write_section(arguments.page, "kills", told(survived))
    if survived.differing:
        sys.exit(f"these differ: {survived.differing[:10]}")


def run(
    archive: Path,
    scratch: Path,
    options: Sequence[str],
    *,
    kills: int,
    seed: int = 1,
    pause_s: float = 0.5,
) -> Survived:
    """Work through an archive undisturbed, and killed; the kills come up to `pause_s` late."""
    generator = random.Random(seed)  # noqa: S311 - nothing secret
    plain, killed = scratch / "plain", scratch / "killed"
    _run_to_end(_command(archive, plain, options))
    results = len(results_of(plain))
    moments = sorted(generator.sample(range(results), kills))
    command = _command(archive, killed, options)
    runs = []
    for moment in track(moments, "Killing", console=Console(stderr=True)):
        wait_s = generator.uniform(0, pause_s)
        runs.append(_observed(killed, partial(_kill_at, command, killed, moment, wait_s)))
    last = _observed(killed, partial(_run_to_end, command))
    return Survived(runs, last, results, differing_files(plain, killed))


def results_of(folder: Path) -> dict[str, tuple[int, int]]:
    """The files of a folder of results, reports apart: what changes if one is written anew."""
    found = {}
    for here, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != STATE]
        for name in names:
            path = Path(here) / name
            if not (path.parent == folder and name.startswith("report.")):
                found[str(path.relative_to(folder))] = _identity(path)
    return found


def _identity(path: Path) -> tuple[int, int]:
    try:
        state = path.lstat()
    except FileNotFoundError:  # it was an unfinished one, and is finished by now
        return 0, 0
    return state.st_ino, state.st_mtime_ns


def differing_files(first: Path, second: Path) -> list[str]:
    """Files that one folder of results alone has, or whose bytes differ."""
    sums = [{name: _sum(folder / name) for name in _files(folder)} for folder in (first, second)]
    names = sums[0].keys() | sums[1].keys()
    return sorted(name for name in names if sums[0].get(name) != sums[1].get(name))


def _files(folder: Path) -> list[str]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    names = (path.relative_to(folder) for path in paths)
    return [str(name) for name in names if name.parts[0] != STATE]


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _command(archive: Path, output: Path, options: Sequence[str]) -> Command:
    return [FACEDETECT, "annotate-folder", archive, output, "--quiet", *options]


def _run_to_end(command: Command) -> None:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode not in _ENDED:
        raise RuntimeError(f"the command ended with {ended.returncode}: {ended.stderr}")


def _kill_at(command: Command, output: Path, results: int, wait_s: float) -> None:
    """Kill it `wait_s` after so many results are there."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        while process.poll() is None and len(results_of(output)) < results:
            time.sleep(_LOOK_EVERY_S)
        time.sleep(wait_s)
        process.kill()


def _observed(output: Path, do: Callable[[], object]) -> Kill:
    before, began = results_of(output), time.monotonic()
    do()
    after = results_of(output)
    redone = sum(after.get(name) != identity for name, identity in before.items())
    return Kill(len(before), len(after), time.monotonic() - began, redone)


def told(survived: Survived) -> str:
    """Print a table of the runs, and return it as Markdown with what came of them."""
    rows = [["run", "ended after, s", "results before", "results after", "of those before, redone"]]
    for number, one in enumerate([*survived.kills, survived.last], 1):
        cells = [one.results_before, one.results_after, one.redone]
        rows.append([str(number), f"{one.after_s:.1f}", *map(str, cells)])
    same = "none differs" if not survived.differing else f"{len(survived.differing)} differ"
    return (
        f"{told_table(rows)}\n\n{survived.files} files beside the reports; compared with those of "
        f"a run that was not disturbed, reports included, {same}."
    )


if __name__ == "__main__":
    main()
