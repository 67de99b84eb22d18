"""Runs over a folder after complete or interrupted runs."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Event

from facedetect import DetectionParams
from facedetect.archive.journal import Journal
from facedetect.archive.processing import ProcessingOptions
from facedetect.archive.reports import Row
from facedetect.archive.storage import LocalStorage
from facedetect.backends.fake import FakeBackend
from facedetect.errors import (
    BackendTimeout,
)
from facedetect.faces import Face
from facedetect.model_ref import ModelRef
from tests.fake import failing, finding
from tests.unit.archives import do_folder, names_below, rows_of, tree


def test_nothing_that_is_done_is_done_again(source: Path, out: Path, a_face: Face) -> None:
    do_folder(source, out, finding(a_face))
    first = tree(out)
    times = {name: (out / name).stat().st_mtime_ns for name in names_below(out)}
    backend = finding(a_face)
    summary = do_folder(source, out, backend)
    assert backend.requests == []
    assert (summary.unchanged, summary.images, summary.faces, summary.failed) == (2, 2, 2, 2)
    assert tree(out) == first
    del times["report.jsonl"]
    assert all((out / name).stat().st_mtime_ns == time for name, time in times.items())


def test_what_has_changed_is_done_again(source: Path, out: Path, a_face: Face) -> None:
    def images_seen(work: ProcessingOptions | None = None) -> int:
        backend = finding(a_face)
        do_folder(source, out, backend, work)
        return len(backend.requests)

    assert images_seen() == 2
    os.utime(source / "b.jpg", (0, 0))
    assert images_seen() == 1
    (out / "b.jpg").unlink()
    assert images_seen() == 1
    (out / "deep" / "er" / "a.JPG").write_bytes(b"shortened")
    assert images_seen() == 1
    assert images_seen(ProcessingOptions(style="blur")) == 2
    assert images_seen(ProcessingOptions(DetectionParams(40), style="blur")) == 2
    assert images_seen(ProcessingOptions(DetectionParams(40), style="blur")) == 0


def test_a_file_that_is_mended_is_done(source: Path, out: Path) -> None:
    do_folder(source, out, FakeBackend())
    (source / "half.png").write_bytes((source / "b.jpg").read_bytes())
    (source / "deep" / "text.jpg").unlink()
    summary = do_folder(source, out, FakeBackend())
    assert (summary.images, summary.failed, summary.unchanged) == (3, 0, 2)
    assert [row["file"] for row in rows_of(out)] == ["b.jpg", "deep/er/a.JPG", "half.png"]


def test_crops_of_faces_that_are_found_no_more_are_removed(
    source: Path, out: Path, a_face: Face
) -> None:
    do_folder(source, out, finding(a_face, a_face), ProcessingOptions(crops="plain"))
    (source / "deep" / "er" / "a.JPG").unlink()
    do_folder(source, out, finding(a_face), ProcessingOptions(DetectionParams(40), crops="plain"))
    assert names_below(out / "crops") == [
        "b.jpg-1.jpg",
        "deep/er/a.JPG-1.jpg",
        "deep/er/a.JPG-2.jpg",
    ]


def test_what_failed_is_tried_again(source: Path, out: Path) -> None:
    do_folder(source, out, failing(BackendTimeout("slow")))
    assert do_folder(source, out, FakeBackend()).images == 2


def test_nothing_of_a_killed_run_is_left_that_this_one_does_not_want(
    source: Path, out: Path, a_face: Face
) -> None:
    """A picture with faces and a crop were written, and nobody has recorded them."""
    do_folder(source, out, finding(a_face), ProcessingOptions(style="solid"))
    with Journal(out / ".facedetect" / "journal.sqlite") as journal:
        journal.begin({"b.jpg": "b.jpg"})
    hidden = (out / "b.jpg").read_bytes()
    (out / "b.jpg").write_bytes(b"x" * len(hidden))  # of the same size, as in BMP files
    places = [out / "crops" / "b.jpg-1.jpg", out / "contact-sheet" / "thumbnails" / "b.jpg.jpg"]
    for path in places:
        path.parent.mkdir(parents=True)
        path.touch()
    (out / "crops" / "b.jpg-1.jpg-1.jpg").touch()  # of another file, whose name is much the same
    summary = do_folder(source, out, finding(a_face), ProcessingOptions(style="solid"))
    assert summary.unchanged == 1
    assert (out / "b.jpg").read_bytes() == hidden
    assert not any(path.exists() for path in places)
    assert (out / "crops" / "b.jpg-1.jpg-1.jpg").exists()


def test_reports_that_are_not_asked_for_any_more_are_removed(source: Path, out: Path) -> None:
    do_folder(source, out, FakeBackend(), ProcessingOptions(thumbnails=True))
    assert (out / "contact-sheet" / "index.html").exists()
    do_folder(source, out, FakeBackend())
    assert names_below(out) == ["b.jpg", "deep/er/a.JPG", "report.jsonl"]


def test_another_model_is_another_work() -> None:
    works = [ProcessingOptions().fingerprint(ModelRef("mtcnn", version)) for version in (1, 2)]
    assert works[0] != works[1]


def test_an_interrupted_run_goes_on(many: Path, out: Path, tmp_path: Path) -> None:
    rows: list[Row] = []
    stop = Event()

    def stop_after_five(row: Row) -> None:
        rows.append(row)
        if len(rows) == 5:
            stop.set()

    summary = do_folder(many, out, FakeBackend(), on_row=stop_after_five, stop=stop)
    assert summary.interrupted
    assert 5 <= summary.images < 12
    assert len(names_below(out)) == summary.images  # no report of half a run
    again = do_folder(many, out, FakeBackend())
    assert (again.unchanged, again.images) == (summary.images, 40)
    do_folder(many, tmp_path / "at once", FakeBackend())
    assert tree(out) == tree(tmp_path / "at once")


def test_what_a_killed_run_has_left_half_written_is_removed(source: Path, out: Path) -> None:
    do_folder(source, out, FakeBackend())
    with LocalStorage(out).local_draft("b.jpg") as unfinished:
        unfinished.write_bytes(b"half")
        do_folder(source, out, FakeBackend())  # as if it had never ended
        assert not unfinished.exists()
        unfinished.parent.mkdir(exist_ok=True)
        unfinished.touch()
    assert not list(out.rglob("*.part"))
