"""What is shown while a folder is worked through."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from facedetect.cli.progress import Lines, Tally, shown_progress
from facedetect.folder.journal import Journal
from facedetect.folder.places import LocalPlace
from facedetect.folder.plan import Plan
from facedetect.folder.reports import Row, RunSummary
from facedetect.folder.run import Run
from tests.unit.folders import make_source

FAILED: Row = {"file": "[b]\x1b[2Ja.jpg", "status": "failed", "reason": "X", "message": "bad"}
DONE: Row = {"file": "b.jpg", "status": "ok", "faces": [{}, {}]}


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    source = LocalPlace(make_source(tmp_path / "in"))
    with Journal(tmp_path / "journal.sqlite") as journal:
        yield Run(Plan(source), LocalPlace(tmp_path / "out"), journal, "work")


def shown(run: Run, *, is_terminal: bool, quiet: bool = False) -> str:
    file = io.StringIO()
    console = Console(file=file, force_terminal=is_terminal, width=100)
    with shown_progress(run, console, quiet=quiet) as show:
        time.sleep(0.1)  # the files are counted meanwhile
        for row in (FAILED, DONE):
            run.summary.add(row)
            show(row)
    return file.getvalue()


def test_a_terminal_shows_a_bar_with_counts_and_failures(run: Run) -> None:
    text = shown(run, is_terminal=True)
    assert "[b]\\x1b[2Ja.jpg: bad" in text  # what it would do to a terminal is not done
    assert "2/4" in text
    assert "2 faces" in text
    assert "1 failed" in text


def test_elsewhere_there_are_plain_lines(run: Run) -> None:
    assert shown(run, is_terminal=False) == "[b]\\x1b[2Ja.jpg: bad\n"


def test_quiet_shows_nothing(run: Run) -> None:
    assert shown(run, is_terminal=True, quiet=True) == ""


def test_a_line_tells_how_far_it_is() -> None:
    summary = RunSummary(images=1500, videos=2, faces=1, unchanged=504)
    summary.failures["InvalidImage"] = 2
    tally = Tally(summary, started=time.monotonic() - 100)
    assert str(tally) == "1,504 files, 10.0/s, 1 face, 2 failed"
    tally.total = 61_504
    assert str(tally) == "1,504 of 61,504 files, 10.0/s, 1 face, 2 failed, 100 min left"


def test_a_line_comes_every_ten_seconds() -> None:
    file = io.StringIO()
    lines = Lines(Tally(RunSummary(images=3)), Console(file=file))
    lines.refresh()
    assert not file.getvalue()
    lines.last -= 10
    lines.refresh()
    lines.refresh()
    assert file.getvalue().count("3 files") == 1
