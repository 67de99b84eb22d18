"""What annotate-folder shows while it runs."""

from __future__ import annotations

import io
import time

from rich.console import Console

from facedetect.archive import FolderProgress
from facedetect.archive.reports import Row, RunSummary
from facedetect.cli.folder_progress import Tally, folder_progress
from facedetect.cli.log_lines import LogLines

FAILED: Row = {"file": "[b]\x1b[2Ja.jpg", "status": "failed", "reason": "X", "message": "bad"}
DONE: Row = {"file": "b.jpg", "status": "ok", "faces": [{}, {}]}


def shown(*, is_terminal: bool) -> str:
    file = io.StringIO()
    console = Console(file=file, force_terminal=is_terminal, width=120)
    summary = RunSummary()
    with folder_progress(console) as show:
        show(FolderProgress("loading the model", summary))
        for row in (FAILED, DONE):
            summary.add(row)
            show(FolderProgress("processing", summary, 4, row))
    return file.getvalue()


def test_a_terminal_shows_a_bar_with_counts_and_failures() -> None:
    text = shown(is_terminal=True)
    assert "[b]\\x1b[2Ja.jpg: bad" in text  # what it would do to a terminal is not done
    assert "2/4" in text
    assert "2 faces" in text
    assert "1 failed" in text
    assert "processing" in text


def test_elsewhere_there_are_plain_lines() -> None:
    assert shown(is_terminal=False) == "[b]\\x1b[2Ja.jpg: bad\n"


def test_a_line_tells_how_far_it_is() -> None:
    summary = RunSummary(images=1500, videos=2, faces=1, unchanged=504)
    summary.failures["InvalidImage"] = 2
    tally = Tally(summary, started=time.monotonic() - 100)
    assert str(tally) == "1,504 files, 10.0/s, 1 face, 2 failed"
    tally.total = 61_504
    assert str(tally) == "1,504 of 61,504 files, 10.0/s, 1 face, 2 failed, 100 min left"


def test_a_line_comes_every_ten_seconds() -> None:
    file = io.StringIO()
    lines = LogLines(Tally(RunSummary(images=3)), Console(file=file))
    lines.refresh()
    assert not file.getvalue()
    lines.last -= 10
    lines.refresh()
    lines.refresh()
    assert file.getvalue().count("3 files") == 1
