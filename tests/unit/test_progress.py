"""What is shown while a folder is worked through."""

from __future__ import annotations

import io
import time
from pathlib import Path

import pytest
from rich.console import Console

from facedetect.cli.progress import Tally, shown_progress
from facedetect.folder.places import LocalPlace
from facedetect.folder.plan import Plan
from facedetect.folder.reports import Row
from tests.unit.folders import make_source

FAILED: Row = {"file": "[b]a.jpg", "status": "failed", "reason": "InvalidImage", "message": "bad"}
DONE: Row = {"file": "b.jpg", "status": "ok", "faces": [{}, {}]}


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return Plan(LocalPlace(make_source(tmp_path / "in")))


def shown(plan: Plan, rows: list[Row], *, is_terminal: bool, quiet: bool = False) -> str:
    file = io.StringIO()
    console = Console(file=file, force_terminal=is_terminal, width=100)
    with shown_progress(plan, console, quiet=quiet) as show:
        time.sleep(0.1)  # the files are counted meanwhile
        for row in rows:
            show(row)
    return file.getvalue()


def test_a_terminal_shows_a_bar_with_counts_and_failures(plan: Plan) -> None:
    text = shown(plan, [FAILED, DONE], is_terminal=True)
    assert "[b]a.jpg: bad" in text
    assert "2/4" in text
    assert "2 faces" in text
    assert "1 failed" in text


def test_elsewhere_there_are_plain_lines(plan: Plan) -> None:
    assert shown(plan, [FAILED, DONE], is_terminal=False) == "[b]a.jpg: bad\n"


def test_quiet_shows_nothing(plan: Plan) -> None:
    assert shown(plan, [FAILED, DONE], is_terminal=True, quiet=True) == ""


def test_a_line_tells_how_far_it_is() -> None:
    tally = Tally(done=1000, faces=1, failed=2, started=time.monotonic() - 100)
    assert str(tally) == "1,000 files, 10.0/s, 1 face, 2 failed"
    tally.total = 61_000
    assert str(tally) == "1,000 of 61,000 files, 10.0/s, 1 face, 2 failed, 100 min left"
