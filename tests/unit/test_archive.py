"""The results of runs over a folder, with the fake backend."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from facedetect.archive.processing import ProcessingOptions
from facedetect.archive.reports import Row
from facedetect.backends.fake import FakeBackend
from facedetect.faces import Face
from facedetect.images import ImageLimits, load_image, write_image
from tests.fake import after, finding
from tests.unit.archives import do_folder, names_below, rows_of, tree


def test_every_file_has_a_row(source: Path, out: Path, a_face: Face) -> None:
    told: list[Row] = []
    summary = do_folder(source, out, finding(a_face), on_row=told.append)
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
    do_folder(source, out, finding(a_face))
    do_folder(source, source / "deep" / "out", finding(a_face))
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
        do_folder(source, out, FakeBackend(), ProcessingOptions(thumbnails=True))
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
    work = ProcessingOptions(style="none", crops="aligned", thumbnails=True)
    do_folder(source, out, finding(a_face, a_face), work)
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
    do_folder(
        tmp_path / "in", out, finding(a_face), ProcessingOptions(style="solid", thumbnails=True)
    )
    thumbnail = load_image(out / "contact-sheet" / "thumbnails" / "a.png.jpg")
    assert thumbnail[15, 20].max() < 20
    assert thumbnail[80, 80].min() > 235


def test_few_images_are_in_memory_at_a_time(many: Path, out: Path) -> None:
    rows: list[Row] = []
    ahead: list[int] = []
    backend = FakeBackend(after(lambda: ahead.append(len(backend.requests) - len(rows))))
    do_folder(many, out, backend, on_row=rows.append)
    assert len(rows) == 40
    assert max(ahead) <= 6
