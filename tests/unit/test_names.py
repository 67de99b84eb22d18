"""Names too long for what is derived from them, or equal on some file systems."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from facedetect import Detector
from facedetect.archive.file_processor import FileProcessor
from facedetect.archive.journal import Journal
from facedetect.archive.local_executor import LocalExecutor
from facedetect.archive.names import folds_names, shortened
from facedetect.archive.plan import Plan
from facedetect.archive.processing import ProcessingOptions
from facedetect.archive.reports import RunSummary
from facedetect.archive.run import ArchiveRun
from facedetect.archive.storage import LocalStorage
from facedetect.faces import Face
from tests.conftest import ASTRONAUT, GRACE_HOPPER
from tests.fake import finding
from tests.unit.archives import MODEL, do_folder, names_below, rows_of, tree
from tests.unit.folding_storage import FoldingStorage

ALL = ProcessingOptions(crops="plain", thumbnails=True)


def run(source: Path, output: LocalStorage, face: Face) -> RunSummary:
    """A run into any storage."""
    pictures = LocalStorage(source)
    worker = FileProcessor(Detector(finding(face)), ALL, pictures, output, 2)
    with closing(Journal(output.root / ".facedetect" / "journal.sqlite")) as journal:
        plan = Plan(pictures, is_folding=folds_names(output, dry_run=False))
        whole = ArchiveRun(plan, output, journal, ALL.fingerprint(MODEL))
        whole.execute(LocalExecutor(worker))
        whole.write_reports(["jsonl"])
        return whole.summary


@pytest.mark.parametrize("length", [238, 239, 240, 244, 250, 251, 252, 255])
@pytest.mark.parametrize("letter", ["a", "é"])
def test_names_near_the_longest_get_all_results(
    tmp_path: Path, out: Path, a_face: Face, length: int, letter: str
) -> None:
    (tmp_path / "in").mkdir()
    stem = letter * ((length - 4) // len(letter.encode()))
    for suffix in (".jpg", ".gif"):
        shutil.copy(ASTRONAUT, tmp_path / "in" / f"{stem}{suffix}")
    for unchanged in (0, 2):
        summary = do_folder(tmp_path / "in", out, finding(a_face), ALL)
        assert (summary.images, summary.failed, summary.unchanged) == (2, 0, unchanged)
    for row in rows_of(out):
        results = row["results"]
        for name in (results["picture"], results["thumbnail"], *results["crops"]):
            assert (out / name).stat().st_size > 0
    assert f"{stem}.jpg" in names_below(out)


def test_shortened_names_differ_where_the_long_ones_do() -> None:
    names = {shortened(f"{'a' * 250}{end}", ".png") for end in ("bcde", "bcdf", "xcde")}
    assert len(names) == 3
    assert all(len(name) == 255 and name.endswith(".png") for name in names)
    odd = shortened(os.fsdecode(b"\xe9" * 260), ".png")
    assert len(os.fsencode(odd)) == 255


class OnlyPictures(LocalStorage):
    """A folder in which nothing but pictures can be written."""

    def write(self, name: str, data: bytes) -> None:
        if name.startswith(("crops/", "contact-sheet/thumbnails/")):
            raise OSError(errno.ENAMETOOLONG, "File name too long")
        super().write(name, data)


def test_an_extra_that_cannot_be_written_does_not_cost_the_picture(
    source: Path, out: Path, a_face: Face
) -> None:
    assert run(source, OnlyPictures(out), a_face).images == 2
    too_long = "File name too long"
    assert rows_of(out)[0]["results"] == {
        "picture": "b.jpg",
        "crops": [],
        "not_written": [f"crop: {too_long}", f"thumbnail: {too_long}"],
    }
    summary = run(source, LocalStorage(out), a_face)
    assert summary.unchanged == 0, "what is incomplete is done again"
    assert "not_written" not in rows_of(out)[0]["results"]
    assert run(source, LocalStorage(out), a_face).unchanged == 2


def test_names_that_are_one_where_results_go_are_told_apart(
    tmp_path: Path, out: Path, a_face: Face
) -> None:
    names = ["A.JPG", "a.jpg", "caf\u00e9.png", "cafe\u0301.png", "Dir/x.jpg", "dir/x.jpg"]
    names += ["Crops/x.jpg", "y.gif", "Y.GIF", "z.gif", "Z.gif.png"]
    for number, name in enumerate(names):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy((ASTRONAUT, GRACE_HOPPER)[number % 2], path)
    for unchanged in (0, len(names)):
        summary = run(tmp_path / "in", FoldingStorage(out), a_face)
        assert (summary.images, summary.unchanged) == (len(names), unchanged)
    results = {row["file"]: row["results"]["picture"] for row in rows_of(out)}
    assert results == {
        "A.JPG": "A.JPG",
        "a.jpg": "a~2.jpg",
        "cafe\u0301.png": "cafe\u0301.png",
        "caf\u00e9.png": "caf\u00e9~2.png",
        "Dir/x.jpg": "Dir/x.jpg",
        "dir/x.jpg": "dir~2/x.jpg",
        "Crops/x.jpg": "Crops_/x.jpg",
        "Y.GIF": "Y.GIF.png",
        "y.gif": "y.gif.png.png",
        "z.gif": "z.gif.png.png",
        "Z.gif.png": "Z.gif.png",
    }
    assert set(results.values()) <= tree(out).keys()


def test_elsewhere_names_stay(tmp_path: Path, out: Path, a_face: Face) -> None:
    (tmp_path / "in").mkdir()
    for name in ("A.JPG", "a.jpg"):
        shutil.copy(ASTRONAUT, tmp_path / "in" / name)
    run(tmp_path / "in", LocalStorage(out), a_face)
    assert [row["results"]["picture"] for row in rows_of(out)] == ["A.JPG", "a.jpg"]


def test_a_dry_run_sees_what_an_earlier_run_has_left(tmp_path: Path) -> None:
    assert not folds_names(FoldingStorage(tmp_path / "new"), dry_run=True)
    assert not (tmp_path / "new").exists()
    (tmp_path / "old" / ".facedetect").mkdir(parents=True)
    (tmp_path / "old" / ".facedetect" / "journal.sqlite").touch()
    assert folds_names(FoldingStorage(tmp_path / "old"), dry_run=True)
    assert not folds_names(LocalStorage(tmp_path / "old"), dry_run=True)
