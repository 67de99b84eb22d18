"""Runs over a folder with errors, and what they do not touch."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from facedetect import Detector
from facedetect.archive.file_processor import FileProcessor
from facedetect.archive.plan import SourceFile
from facedetect.archive.processing import ProcessingOptions
from facedetect.archive.storage import LocalStorage
from facedetect.backends import InferenceRequest
from facedetect.backends.fake import FakeBackend
from facedetect.errors import (
    BackendProtocolError,
    BackendUnavailable,
    InvalidSettings,
)
from facedetect.faces import Face
from facedetect.images import ImageLimits
from tests.fake import failing, finding
from tests.unit.archives import do_folder, names_below, rows_of, tree


def test_one_odd_answer_fails_one_image(source: Path, out: Path) -> None:
    summary = do_folder(source, out, failing(BackendProtocolError("odd")))
    assert summary.failures["BackendProtocolError"] == 2


def test_a_backend_that_is_down_ends_the_run(source: Path, out: Path) -> None:
    with pytest.raises(BackendUnavailable):
        do_folder(source, out, failing(BackendUnavailable("down")))
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
    class Full(LocalStorage):
        def write(self, _name: str, _data: bytes) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    worker = FileProcessor(
        Detector(FakeBackend()), ProcessingOptions(), LocalStorage(source), Full(out)
    )
    item = SourceFile("b.jpg", "b.jpg", 1, "")
    with pytest.raises(OSError, match="No space left"):
        worker.process(item)


def test_a_place_out_of_reach_ends_the_run(source: Path, out: Path) -> None:
    class Away(LocalStorage):
        def read(self, _name: str) -> bytes:
            raise TimeoutError(errno.ETIMEDOUT, "the server did not answer in time")

    worker = FileProcessor(
        Detector(FakeBackend()), ProcessingOptions(), Away(source), LocalStorage(out)
    )
    with pytest.raises(TimeoutError):
        worker.process(SourceFile("b.jpg", "b.jpg", 1, ""))


def test_results_that_lead_to_the_sources_are_refused(source: Path, out: Path) -> None:
    before = tree(source)
    out.mkdir()
    (out / "deep").symlink_to(source / "deep")
    with pytest.raises(InvalidSettings, match="is a link out of"):
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
    assert messages["pipe.jpg"] == "the file cannot be read: not a regular file"
    assert messages["zero.jpg"] == "the file cannot be read: not a regular file"
    assert messages["nothing.jpg"] == "the file cannot be read: No such file or directory"


def test_a_file_that_fails_leaves_no_results(source: Path, out: Path, a_face: Face) -> None:
    out.mkdir()
    (out / "deep").touch()
    summary = do_folder(source, out, finding(a_face), ProcessingOptions(crops="plain"))
    assert summary.failures["NotADirectoryError"] == 1
    assert not (out / "crops" / "deep").exists()
    assert (out / "crops" / "b.jpg-1.jpg").exists()


def test_errors_of_libraries_that_are_os_errors_fail_one_file(source: Path, out: Path) -> None:
    class TooLarge(OSError):
        """Like PyAV's, it needs more than a message."""

        def __init__(self, number: int, words: str, log: str) -> None:
            super().__init__(number, words)
            self.log = log

    class Fat(LocalStorage):
        def write(self, name: str, data: bytes) -> None:
            raise TooLarge(errno.EFBIG, "File too large", f"{name}: {len(data)}")

    worker = FileProcessor(
        Detector(FakeBackend()), ProcessingOptions(), LocalStorage(source), Fat(out)
    )
    row = worker.process(SourceFile("b.jpg", "b.jpg", 1, "")).row
    assert (row["reason"], row["message"]) == (
        "TooLarge",
        "the results cannot be written: File too large",
    )


def test_what_nobody_foresaw_fails_one_file(source: Path, out: Path) -> None:
    def fail_on_tall_images(request: InferenceRequest) -> list[Face]:
        if request.image.shape[0] == 600:
            raise MemoryError("no room for it")
        return []

    summary = do_folder(source, out, FakeBackend(fail_on_tall_images))
    assert (summary.images, summary.failures["MemoryError"]) == (1, 1)


def test_files_over_the_limit_are_not_read(source: Path, out: Path) -> None:
    class Unread(LocalStorage):
        def read(self, name: str) -> bytes:
            raise AssertionError(name)

    detector = Detector(FakeBackend(), limits=ImageLimits(max_bytes=10))
    worker = FileProcessor(detector, ProcessingOptions(), Unread(source), LocalStorage(out))
    row = worker.process(SourceFile("b.jpg", "b.jpg", 11, "")).row
    assert row["reason"] == "ImageTooLarge"
