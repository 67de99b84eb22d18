"""Runs over a folder, with the fake backend."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest

from facedetect import DetectionParams, Detector
from facedetect.backends.base import RawDetections
from facedetect.backends.fake import FakeBackend
from facedetect.errors import (
    BackendProtocolError,
    BackendTimeout,
    BackendUnavailable,
    InvalidSettings,
)
from facedetect.faces import Face, ModelVersion
from facedetect.folder.journal import Journal
from facedetect.folder.places import LocalPlace
from facedetect.folder.plan import Item
from facedetect.folder.reports import Row
from facedetect.folder.work import Work
from facedetect.folder.worker import Worker
from facedetect.images import BGRImage, ImageLimits, load_image, write_image
from tests.unit.folders import do_folder, make_source, names_below, tree


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_source(tmp_path / "in")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def many(tmp_path: Path, noise: BGRImage) -> Path:
    for n in range(40):
        write_image(tmp_path / "many" / f"{n:02}.png", noise)
    return tmp_path / "many"


def rows_of(output: Path) -> list[Row]:
    report = output / "report.jsonl"
    return [json.loads(line) for line in report.read_text("utf-8").splitlines()]


def test_every_file_has_a_row(source: Path, out: Path, a_face: Face) -> None:
    told: list[Row] = []
    summary = do_folder(source, out, FakeBackend([a_face]), on_row=told.append)
    rows = rows_of(out)
    assert sorted(told, key=lambda row: str(row["file"])) == rows
    assert [(row["file"], row["status"]) for row in rows] == [
        ("b.jpg", "ok"),
        ("deep/er/a.JPG", "ok"),
        ("deep/text.jpg", "failed"),
        ("half.png", "failed"),
    ]
    assert rows[0]["faces"][0]["box"] == {"x_min": 10, "y_min": 5, "x_max": 30, "y_max": 25}
    assert rows[0]["results"] == {"picture": "b.jpg"}
    assert (rows[1]["width"], rows[1]["height"]) == (512, 600)
    assert [row["reason"] for row in rows[2:]] == ["UnsupportedImage", "InvalidImage"]
    assert (summary.images, summary.faces, summary.without_face, summary.failed) == (2, 2, 0, 2)
    assert summary.others == 1
    assert names_below(out) == ["b.jpg", "deep/er/a.JPG", "report.jsonl"]
    drawn = load_image(out / "b.jpg", ImageLimits())
    assert drawn.shape == (512, 512, 3)


def test_sources_stay_as_they_are(source: Path, out: Path, a_face: Face) -> None:
    before = tree(source)
    do_folder(source, out, FakeBackend([a_face]))
    do_folder(source, source / "deep" / "out", FakeBackend([a_face]))
    assert tree(source) == before | {f"deep/out/{k}": v for k, v in tree(out).items()}


def test_an_image_without_a_face_is_counted_and_written(source: Path, out: Path) -> None:
    summary = do_folder(source, out, FakeBackend())
    assert summary.without_face == 2
    assert rows_of(out)[0]["faces"] == []
    assert (out / "b.jpg").exists()


def test_names_need_not_be_utf_8(source: Path, out: Path) -> None:
    name = os.fsdecode(b"caf\xe9.jpg")
    (source / "b.jpg").rename(source / name)
    for _ in range(2):
        do_folder(source, out, FakeBackend(), Work(thumbnails=True))
        assert name in [row["file"] for row in rows_of(out)]
        assert (out / name).exists()


def test_an_empty_folder_gives_an_empty_report(tmp_path: Path, out: Path) -> None:
    (tmp_path / "in").mkdir()
    summary = do_folder(tmp_path / "in", out, FakeBackend())
    assert summary.images == 0
    assert (out / "report.jsonl").read_text() == ""


def test_crops_and_thumbnails_are_written_if_asked_for(
    source: Path, out: Path, a_face: Face
) -> None:
    work = Work(style="none", crops="aligned", thumbnails=True)
    do_folder(source, out, FakeBackend([a_face, a_face]), work)
    assert rows_of(out)[0]["results"] == {
        "crops": ["crops/b.jpg-1.jpg", "crops/b.jpg-2.jpg"],
        "thumbnail": "contact-sheet/thumbnails/b.jpg.jpg",
    }
    assert load_image(out / "crops" / "b.jpg-1.jpg").shape == (112, 112, 3)
    assert (out / "contact-sheet" / "thumbnails" / "b.jpg.jpg").exists()
    assert not (out / "b.jpg").exists()


def test_faces_that_are_hidden_are_hidden_on_thumbnails_too(
    tmp_path: Path, out: Path, a_face: Face
) -> None:
    white = np.full((100, 100, 3), 255, np.uint8)
    write_image(tmp_path / "in" / "a.png", white)
    do_folder(tmp_path / "in", out, FakeBackend([a_face]), Work(style="solid", thumbnails=True))
    thumbnail = load_image(out / "contact-sheet" / "thumbnails" / "a.png.jpg")
    assert thumbnail[15, 20].max() < 20
    assert thumbnail[80, 80].min() > 235


def test_nothing_that_is_done_is_done_again(source: Path, out: Path, a_face: Face) -> None:
    do_folder(source, out, FakeBackend([a_face]))
    first = tree(out)
    times = {name: (out / name).stat().st_mtime_ns for name in names_below(out)}
    backend = FakeBackend([a_face])
    summary = do_folder(source, out, backend)
    assert backend.seen == []
    assert (summary.unchanged, summary.images, summary.faces, summary.failed) == (2, 2, 2, 2)
    assert tree(out) == first
    del times["report.jsonl"]
    assert all((out / name).stat().st_mtime_ns == time for name, time in times.items())


def test_what_has_changed_is_done_again(source: Path, out: Path, a_face: Face) -> None:
    def images_seen(work: Work | None = None) -> int:
        backend = FakeBackend([a_face])
        do_folder(source, out, backend, work)
        return len(backend.seen)

    assert images_seen() == 2
    os.utime(source / "b.jpg", (0, 0))
    assert images_seen() == 1
    (out / "b.jpg").unlink()
    assert images_seen() == 1
    (out / "deep" / "er" / "a.JPG").write_bytes(b"shortened")
    assert images_seen() == 1
    assert images_seen(Work(style="blur")) == 2
    assert images_seen(Work(DetectionParams(40), style="blur")) == 2
    assert images_seen(Work(DetectionParams(40), style="blur")) == 0


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
    do_folder(source, out, FakeBackend([a_face, a_face]), Work(crops="plain"))
    (source / "deep" / "er" / "a.JPG").unlink()
    do_folder(source, out, FakeBackend([a_face]), Work(DetectionParams(40), crops="plain"))
    assert names_below(out / "crops") == [
        "b.jpg-1.jpg",
        "deep/er/a.JPG-1.jpg",
        "deep/er/a.JPG-2.jpg",
    ]


def test_one_odd_answer_fails_one_image(source: Path, out: Path) -> None:
    summary = do_folder(source, out, FakeBackend(error=BackendProtocolError("odd")))
    assert summary.failures["BackendProtocolError"] == 2


def test_what_failed_is_tried_again(source: Path, out: Path) -> None:
    do_folder(source, out, FakeBackend(error=BackendTimeout("slow")))
    assert do_folder(source, out, FakeBackend()).images == 2


def test_a_backend_that_is_down_ends_the_run(source: Path, out: Path) -> None:
    with pytest.raises(BackendUnavailable):
        do_folder(source, out, FakeBackend(error=BackendUnavailable("down")))
    assert names_below(out) == []
    assert do_folder(source, out, FakeBackend()).images == 2


def test_a_result_that_cannot_be_written_fails_one_image(source: Path, out: Path) -> None:
    out.mkdir()
    (out / "deep").touch()
    summary = do_folder(source, out, FakeBackend())
    assert summary.images == 1
    failed = {row["file"]: row["message"] for row in rows_of(out) if row["status"] == "failed"}
    assert list(failed) == ["deep/er/a.JPG", "deep/text.jpg", "half.png"]
    assert failed["deep/er/a.JPG"] == "the results cannot be written: Not a directory"


def test_a_full_disk_ends_the_run_and_what_is_done_stays_done(source: Path, out: Path) -> None:
    class Full(LocalPlace):
        def write(self, _name: str, _data: bytes) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    worker = Worker(Detector(FakeBackend()), Work(), LocalPlace(source), Full(out))
    item = Item("b.jpg", "image", "b.jpg", 1, "")
    with pytest.raises(OSError, match="No space left"):
        worker.do(item)


def test_a_place_out_of_reach_ends_the_run(source: Path, out: Path) -> None:
    class Away(LocalPlace):
        def read(self, _name: str) -> bytes:
            raise TimeoutError(errno.ETIMEDOUT, "the server did not answer in time")

    worker = Worker(Detector(FakeBackend()), Work(), Away(source), LocalPlace(out))
    with pytest.raises(TimeoutError):
        worker.do(Item("b.jpg", "image", "b.jpg", 1, ""))


def test_results_that_lead_to_the_sources_are_refused(source: Path, out: Path) -> None:
    before = tree(source)
    out.mkdir()
    (out / "deep").symlink_to(source / "deep")
    with pytest.raises(InvalidSettings, match="leads out of"):
        do_folder(source, out, FakeBackend())
    assert tree(source) == before


def test_a_result_that_is_a_link_is_replaced_not_written_through(source: Path, out: Path) -> None:
    before = tree(source)
    out.mkdir()
    (out / "b.jpg").symlink_to(source / "b.jpg")
    do_folder(source, out, FakeBackend())
    assert tree(source) == before
    assert not (out / "b.jpg").is_symlink()


def test_what_is_no_regular_file_fails_and_nothing_waits_for_it(source: Path, out: Path) -> None:
    os.mkfifo(source / "pipe.jpg")
    (source / "zero.jpg").symlink_to("/dev/zero")
    (source / "nothing.jpg").symlink_to("nowhere")
    do_folder(source, out, FakeBackend())
    messages = {row["file"]: row.get("message") for row in rows_of(out)}
    assert messages["pipe.jpg"] == "the file cannot be read: it is no regular file"
    assert messages["zero.jpg"] == "the file cannot be read: it is no regular file"
    assert messages["nothing.jpg"] == "the file cannot be read: No such file or directory"


def test_nothing_of_a_killed_run_is_left_that_this_one_does_not_want(
    source: Path, out: Path, a_face: Face
) -> None:
    """A picture with faces and a crop were written, and nobody has recorded them."""
    do_folder(source, out, FakeBackend([a_face]), Work(style="solid"))
    with Journal(out / ".facedetect" / "journal.sqlite") as journal:
        journal.begin({"b.jpg": "b.jpg"})
    hidden = (out / "b.jpg").read_bytes()
    (out / "b.jpg").write_bytes(b"x" * len(hidden))  # of the same size, as in BMP files
    places = [out / "crops" / "b.jpg-1.jpg", out / "contact-sheet" / "thumbnails" / "b.jpg.jpg"]
    for path in places:
        path.parent.mkdir(parents=True)
        path.touch()
    (out / "crops" / "b.jpg-1.jpg-1.jpg").touch()  # of another file, whose name is much the same
    summary = do_folder(source, out, FakeBackend([a_face]), Work(style="solid"))
    assert summary.unchanged == 1
    assert (out / "b.jpg").read_bytes() == hidden
    assert not any(path.exists() for path in places)
    assert (out / "crops" / "b.jpg-1.jpg-1.jpg").exists()


def test_a_file_that_fails_leaves_no_results(source: Path, out: Path, a_face: Face) -> None:
    (out / "crops").mkdir(parents=True)
    (out / "crops" / "deep").touch()
    summary = do_folder(source, out, FakeBackend([a_face]), Work(crops="plain"))
    assert summary.failures["NotADirectoryError"] == 1
    assert not (out / "deep" / "er" / "a.JPG").exists()
    assert (out / "crops" / "b.jpg-1.jpg").exists()


def test_errors_of_libraries_that_are_os_errors_fail_one_file(source: Path, out: Path) -> None:
    class TooLarge(OSError):
        """As PyAV's, it wants more than words."""

        def __init__(self, number: int, words: str, log: str) -> None:
            super().__init__(number, words)
            self.log = log

    class Fat(LocalPlace):
        def write(self, name: str, data: bytes) -> None:
            raise TooLarge(errno.EFBIG, "File too large", f"{name}: {len(data)}")

    worker = Worker(Detector(FakeBackend()), Work(), LocalPlace(source), Fat(out))
    row = worker.do(Item("b.jpg", "image", "b.jpg", 1, "")).row
    assert (row["reason"], row["message"]) == (
        "TooLarge",
        "the results cannot be written: File too large",
    )


def test_what_nobody_foresaw_fails_one_file(source: Path, out: Path) -> None:
    class Odd(FakeBackend):
        def predict(self, image: BGRImage, *args: Any, **kwargs: Any) -> RawDetections:
            if image.shape[0] == 600:
                raise MemoryError("no room for it")
            return super().predict(image, *args, **kwargs)

    summary = do_folder(source, out, Odd())
    assert (summary.images, summary.failures["MemoryError"]) == (1, 1)


def test_files_over_the_limit_are_not_read(source: Path, out: Path) -> None:
    class Unread(LocalPlace):
        def read(self, name: str) -> bytes:
            raise AssertionError(name)

    detector = Detector(FakeBackend(), limits=ImageLimits(max_bytes=10))
    worker = Worker(detector, Work(), Unread(source), LocalPlace(out))
    row = worker.do(Item("b.jpg", "image", "b.jpg", 11, "")).row
    assert row["reason"] == "ImageTooLarge"


def test_reports_that_are_not_asked_for_any_more_are_removed(source: Path, out: Path) -> None:
    do_folder(source, out, FakeBackend(), Work(thumbnails=True))
    assert (out / "contact-sheet" / "index.html").exists()
    do_folder(source, out, FakeBackend())
    assert names_below(out) == ["b.jpg", "deep/er/a.JPG", "report.jsonl"]


def test_another_model_is_another_work() -> None:
    works = [Work().fingerprint(ModelVersion("mtcnn", version)) for version in ("1", "2")]
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
    with LocalPlace(out).written_to("b.jpg") as unfinished:
        unfinished.write_bytes(b"half")
        do_folder(source, out, FakeBackend())  # as if it had never ended
        assert not unfinished.exists()
        unfinished.parent.mkdir(exist_ok=True)
        unfinished.touch()
    assert not list(out.rglob("*.part"))


def test_few_images_are_in_memory_at_a_time(many: Path, out: Path) -> None:
    class Counting(FakeBackend):
        ahead = 0

        def predict(self, *args: Any, **kwargs: Any) -> RawDetections:
            answer = super().predict(*args, **kwargs)
            self.ahead = max(self.ahead, len(self.seen) - len(rows))
            return answer

    rows: list[Row] = []
    backend = Counting()
    do_folder(many, out, backend, on_row=rows.append)
    assert len(rows) == 40
    assert backend.ahead <= 6
