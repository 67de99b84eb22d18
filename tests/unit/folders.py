"""A small archive, and a run over it with the fake backend."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Event

from facedetect import Detector
from facedetect.backends.fake import FakeBackend
from facedetect.folder.journal import Journal
from facedetect.folder.local import LocalEngine
from facedetect.folder.places import LocalPlace
from facedetect.folder.plan import Plan
from facedetect.folder.reports import Row, RunSummary
from facedetect.folder.run import Run
from facedetect.folder.work import Work
from facedetect.folder.worker import Worker
from facedetect.model_ref import ModelRef
from tests.conftest import ASTRONAUT, GRACE_HOPPER

MODEL = ModelRef("fake", 1)


def make_source(folder: Path) -> Path:
    """Two photographs, a text named .jpg, half a photograph and a note."""
    (folder / "deep" / "er").mkdir(parents=True)
    shutil.copy(ASTRONAUT, folder / "b.jpg")
    shutil.copy(GRACE_HOPPER, folder / "deep" / "er" / "a.JPG")
    (folder / "deep" / "text.jpg").write_text("no image")
    (folder / "half.png").write_bytes(ASTRONAUT.read_bytes()[:5000])
    (folder / "notes.txt").write_text("no image by its name")
    return folder


def do_folder(
    source: Path,
    output: Path,
    backend: FakeBackend,
    work: Work | None = None,
    *,
    workers: int = 2,
    stop: Event | None = None,
    on_row: Callable[[Row], None] = lambda _: None,
) -> RunSummary:
    """Do a whole run, reports included unless it is interrupted."""
    work, stop = work or Work(), stop or Event()
    places = LocalPlace(source, left_out=output), LocalPlace(output)
    worker = Worker(Detector(backend), work, *places, workers, stop)
    with closing(Journal(output / ".facedetect" / "journal.sqlite")) as journal:
        run = Run(Plan(places[0]), places[1], journal, work.fingerprint(MODEL), stop)
        summary = run.do(LocalEngine(worker), on_row)
        if not summary.interrupted:
            run.tell(["jsonl", "html"] if work.thumbnails else ["jsonl"])
    return summary


def names_below(folder: Path) -> list[str]:
    """The files of a tree, without what is hidden."""
    names = (p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    return sorted(name for name in names if not f"/{name}".count("/."))


def tree(folder: Path) -> dict[str, bytes]:
    """All files of a tree, without what is hidden."""
    return {name: (folder / name).read_bytes() for name in names_below(folder)}


def rows_of(output: Path) -> list[Row]:
    """The lines of a run's report."""
    report = output / "report.jsonl"
    return [json.loads(line) for line in report.read_text("utf-8").splitlines()]
