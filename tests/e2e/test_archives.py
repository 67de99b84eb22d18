"""annotate-folder on realistic archives: broken files, kills, links, two runs at once."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import signal
import stat
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmarks import kills
from benchmarks.bad_files import write_bad_files
from benchmarks.kills import results_of
from benchmarks.servers import FACEDETECT, Command
from benchmarks.synthetic_archive import CODINGS, make_archive
from facedetect import Detector
from facedetect.archive.file_processor import FileProcessor
from facedetect.archive.journal import Journal
from facedetect.archive.local_executor import LocalExecutor
from facedetect.archive.plan import Plan
from facedetect.archive.processing import ProcessingOptions
from facedetect.archive.reports import RunSummary
from facedetect.archive.run import ArchiveRun
from facedetect.archive.storage import LocalStorage
from facedetect.backends.fake import FakeBackend
from facedetect.model_ref import ModelRef
from tests.conftest import ASTRONAUT
from tests.processes import Run, call, run

UNDER_WAY = 4  # maximum number of files, with two workers


def rows_of(output: Path) -> dict[str, dict[str, Any]]:
    lines = (output / "report.jsonl").read_text("utf-8").splitlines()
    return {row["file"]: row for row in map(json.loads, lines)}


def state_of(folder: Path) -> dict[str, tuple[object, ...]]:
    """Return all that a run could change in a folder: names, kinds, times, link targets, bytes."""
    found: dict[str, tuple[object, ...]] = {}
    for path in folder.rglob("*"):
        state = path.lstat()
        content = str(path.readlink()) if path.is_symlink() else ""
        if stat.S_ISREG(state.st_mode):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        found[str(path)] = (state.st_ino, state.st_mode, state.st_mtime_ns, content)
    return found


@dataclass(frozen=True)
class Annotated:
    """A processed archive: the expected and the actual results."""

    faces: dict[str, int]
    reasons: dict[str, str]
    were_sources_changed: bool
    ended: Run
    output: Path


@pytest.fixture(scope="module")
def annotated(tmp_path_factory: pytest.TempPathFactory) -> Annotated:
    """One picture of each coding, one broken file of each kind."""
    folder = tmp_path_factory.mktemp("archive")
    source, output = folder / "in", folder / "out"
    faces = make_archive(source, len(CODINGS), longest=500)
    bad = write_bad_files(source / "bad")
    before = state_of(source)
    ended = run("annotate-folder", source, output, "--json")
    return Annotated(
        {name: len(boxes) for name, boxes in faces.items()},
        {f"bad/{name}": reason for name, reason in bad.items()},
        state_of(source) != before,
        ended,
        output,
    )


def test_every_broken_file_is_told_and_why(annotated: Annotated) -> None:
    failed = {
        name: row["reason"]
        for name, row in rows_of(annotated.output).items()
        if row["status"] == "failed"
    }
    assert failed == annotated.reasons
    assert len({name.split("/")[-1] for name in failed}) > 20
    assert annotated.ended.returncode == 1
    assert json.loads(annotated.ended.stdout)["failed"] == len(failed)


def test_each_of_them_is_told_while_it_runs(annotated: Annotated) -> None:
    for name in annotated.reasons:
        assert name.encode("utf-8", "backslashreplace").decode() in annotated.ended.stderr


def test_all_others_are_done(annotated: Annotated) -> None:
    done = {name: row for name, row in rows_of(annotated.output).items() if row["status"] == "ok"}
    assert done.keys() == annotated.faces.keys()
    found = {name: len(row["faces"]) for name, row in done.items()}
    assert found == annotated.faces


def test_the_results_are_those_in_the_report(annotated: Annotated) -> None:
    done = [row for row in rows_of(annotated.output).values() if row["status"] == "ok"]
    assert results_of(annotated.output).keys() == {row["results"]["picture"] for row in done}


def test_the_sources_stay_as_they_are(annotated: Annotated) -> None:
    assert annotated.ended.returncode == 1
    assert not annotated.were_sources_changed


def test_a_run_that_is_killed_and_gone_on_with_gives_the_same(tmp_path: Path) -> None:
    make_archive(tmp_path / "in", 40, longest=300)
    options = ["--workers", "2"]
    survived = kills.run(tmp_path / "in", tmp_path, options, kills=3, seed=7, pause_s=0.02)
    assert survived.differing == []
    assert all(0 < kill.results_after < survived.files for kill in survived.kills)
    runs = [*survived.kills, survived.last]
    assert all(one.redone <= UNDER_WAY for one in runs)
    assert all(one.results_before > UNDER_WAY for one in runs[1:])


def test_links_are_followed_if_asked_for_and_never_for_ever(tmp_path: Path) -> None:
    source, elsewhere = tmp_path / "in", tmp_path / "elsewhere"
    for folder in (source / "a", elsewhere):
        folder.mkdir(parents=True)
        (folder / "astronaut.jpg").write_bytes(ASTRONAUT.read_bytes())
    (source / "a/round").symlink_to("..")
    (source / "link").symlink_to(elsewhere)
    assert call("annotate-folder", source, tmp_path / "out").returncode == 0
    assert rows_of(tmp_path / "out").keys() == {"a/astronaut.jpg"}
    assert call("annotate-folder", source, tmp_path / "out", "--follow-links").returncode == 0
    assert rows_of(tmp_path / "out").keys() == {"a/astronaut.jpg", "link/astronaut.jpg"}


def test_two_runs_do_not_write_to_one_folder(tmp_path: Path) -> None:
    source, output = tmp_path / "in", tmp_path / "out"
    make_archive(source, 20, longest=300)
    command: Command = [FACEDETECT, "annotate-folder", source, output]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as first:
        while not results_of(output):
            assert first.poll() is None
            time.sleep(0.005)
        first.send_signal(signal.SIGSTOP)  # so that it is certainly in progress
        try:
            second = call("annotate-folder", source, output)
        finally:
            first.send_signal(signal.SIGCONT)
    assert first.returncode == 0
    assert second.returncode == 2
    assert "another run" in second.stderr
    assert len(rows_of(output)) == 20


@dataclass(frozen=True)
class FullPlace(LocalStorage):
    """A folder on a disk that is full after a number of files."""

    room: int = 0

    def write(self, name: str, data: bytes) -> None:
        if len(results_of(self.root)) >= self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().write(name, data)


def test_a_disk_that_is_full_ends_the_run_and_the_next_one_goes_on(tmp_path: Path) -> None:
    make_archive(tmp_path / "in", 8, longest=300)
    source, work = LocalStorage(tmp_path / "in"), ProcessingOptions()
    fingerprint = work.fingerprint(ModelRef("mtcnn", 1))

    def go_on(room: int) -> RunSummary:
        output = FullPlace(tmp_path / "out", room=room)
        with Journal(tmp_path / "journal") as journal, Detector(FakeBackend()) as detector:
            executor = LocalExecutor(FileProcessor(detector, work, source, output, workers=1))
            return ArchiveRun(Plan(source), output, journal, fingerprint).execute(executor)

    with pytest.raises(OSError, match="No space left"):
        go_on(room=4)
    done = results_of(tmp_path / "out")
    assert len(done) == 4
    summary = go_on(room=8)
    assert summary.images == 8
    kept = done.items() & results_of(tmp_path / "out").items()
    assert len(kept) == summary.unchanged >= 3  # another may finish along with the failing one
