"""A small archive, and a run over it with the fake backend."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Event

from facedetect import Detector
from facedetect.archive.file_processor import FileProcessor
from facedetect.archive.journal import Journal
from facedetect.archive.local_executor import LocalExecutor
from facedetect.archive.plan import Plan
from facedetect.archive.processing import ProcessingOptions
from facedetect.archive.reports import Row, RunSummary
from facedetect.archive.run import ArchiveRun
from facedetect.archive.storage import LocalStorage
from facedetect.backends.fake import FakeBackend
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
    backend: FakeBackend | Detector,
    options: ProcessingOptions | None = None,
    *,
    workers: int = 2,
    stop: Event | None = None,
    on_row: Callable[[Row], None] = lambda _: None,
) -> RunSummary:
    """Do a complete run, with reports unless interrupted."""
    detector = backend if isinstance(backend, Detector) else Detector(backend)
    options, stop = options or ProcessingOptions(), stop or Event()
    storages = LocalStorage(source, excluded=output), LocalStorage(output)
    worker = FileProcessor(detector, options, *storages, workers, stop)
    with closing(Journal(output / ".facedetect" / "journal.sqlite")) as journal:
        run = ArchiveRun(Plan(storages[0]), storages[1], journal, options.fingerprint(MODEL), stop)
        summary = run.execute(LocalExecutor(worker), on_row)
        if not summary.interrupted:
            run.write_reports(["jsonl", "html"] if options.thumbnails else ["jsonl"])
    return summary


def names_below(folder: Path) -> list[str]:
    """Return the files of a tree, except hidden ones."""
    names = (p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    return sorted(name for name in names if not f"/{name}".count("/."))


def tree(folder: Path) -> dict[str, bytes]:
    """Return the names of all files of a tree, except hidden ones."""
    return {name: (folder / name).read_bytes() for name in names_below(folder)}


def rows_of(output: Path) -> list[Row]:
    """The lines of a run's report."""
    report = output / "report.jsonl"
    return [json.loads(line) for line in report.read_text("utf-8").splitlines()]
