"""The report files of annotate-folder: their contents, and that they are streamed."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args
from weakref import ref

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from facedetect.archive.output_layout import REPORTS
from facedetect.archive.reports import (
    ReportName,
    Row,
    RunSummary,
    failed_row,
    write_report,
)
from facedetect.archive.storage import LocalStorage
from facedetect.images import BGRImage, make_thumbnail
from tests.conftest import face_at
from tests.unit.videos import do, make_video

NAMES: tuple[ReportName, ...] = get_args(ReportName)
FACE = asdict(face_at(10, 20, side=40, confidence=0.75))
NOT_UTF8 = "caf\udce9.jpg"  # as Python gives the bytes caf\xe9.jpg


def found(file: str, faces: int, **more: Any) -> Row:
    base = {"file": file, "status": "ok", "width": 640, "height": 480, "faces": [FACE] * faces}
    return {**base, "results": {"picture": file}, **more}


def a_video(file: str) -> Row:
    face = {**FACE, "track": 1, "frame": 12, "time_s": 0.4, "first_s": 0.2, "last_s": 3.1}
    video: Row = {"frames": 100, "looked_at": 50, "tracks": 1, "damaged": 0}
    video |= {"seconds": 4.0, "missing_s": 0.0, "left_out": ["data"]}
    return {**found(file, 0), "faces": [face], "video": video}


ROWS = [
    found("a/none.jpg", 0),
    found("a/two.jpg", 2),
    failed_row("b.jpg", ValueError("no, this is no picture")),
    found(NOT_UTF8, 1),
    a_video("clip.mp4"),
]


def written(name: ReportName, rows: list[Row], folder: Path) -> bytes:
    path = write_report(name, lambda: iter(rows), LocalStorage(folder))
    assert path == REPORTS[name]
    return (folder / path).read_bytes()


def test_json_lines_are_the_rows(tmp_path: Path) -> None:
    lines = written("jsonl", ROWS, tmp_path).decode("ascii").splitlines()
    assert [json.loads(line) for line in lines] == ROWS


def test_csv_has_a_line_for_each_face_and_each_file_without(tmp_path: Path) -> None:
    lines = list(csv.DictReader(io.StringIO(written("csv", ROWS, tmp_path).decode())))
    told = [(line["file"], line["status"], line["face"]) for line in lines]
    assert told == [
        ("a/none.jpg", "ok", ""),
        ("a/two.jpg", "ok", "1"),
        ("a/two.jpg", "ok", "2"),
        ("b.jpg", "failed", ""),
        ("caf\\xe9.jpg", "ok", "1"),
        ("clip.mp4", "ok", "1"),
    ]
    assert (lines[1]["x_min"], lines[1]["y_max"], lines[1]["confidence"]) == ("10", "60", "0.75")
    assert lines[1]["mouth_right_y"] == str(FACE["landmarks"]["mouth_right"]["y"])
    assert (lines[3]["reason"], lines[3]["message"]) == ("ValueError", "no, this is no picture")
    assert (lines[3]["width"], lines[3]["x_min"], lines[1]["track"]) == ("", "", "")
    assert [lines[5][name] for name in ("track", "frame", "first_s")] == ["1", "12", "0.2"]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\uff1d"])
def test_no_name_is_a_formula_for_spreadsheets(start: str, tmp_path: Path) -> None:
    name = f'{start}HYPERLINK("http://x";"y").jpg'
    report = written("csv", [found(name, 0), found(f"a;{name}", 0)], tmp_path).decode()
    lines = list(csv.reader(io.StringIO(report)))
    assert lines[1][0] == f"'{name}"
    # Where a spreadsheet splits at semicolons, each name is still one cell of text.
    assert next(csv.reader([report.splitlines()[2]], delimiter=";"))[0].startswith(f"a;{start}")


def test_coco_holds_the_images_that_were_looked_at_and_their_faces(tmp_path: Path) -> None:
    report = json.loads(written("coco", ROWS, tmp_path))
    names = ["a/none.jpg", "a/two.jpg", "caf\\xe9.jpg"]
    assert [image["file_name"] for image in report["images"]] == names
    assert [image["id"] for image in report["images"]] == [1, 2, 3]
    assert [(a["id"], a["image_id"]) for a in report["annotations"]] == [(1, 2), (2, 2), (3, 3)]
    [category] = report["categories"]
    assert max(map(max, category["skeleton"])) == len(category["keypoints"]) == 5
    face = report["annotations"][0]
    assert (face["bbox"], face["area"], face["score"]) == ([10, 20, 40, 40], 1600, 0.75)
    assert (face["category_id"], face["iscrowd"], face["num_keypoints"]) == (category["id"], 0, 5)
    nose = FACE["landmarks"]["nose"]
    assert face["keypoints"][6:9] == [nose["x"], nose["y"], 2]
    assert len(face["keypoints"]) == 15


def test_coco_without_images_is_a_dataset(tmp_path: Path) -> None:
    report = json.loads(written("coco", [], tmp_path))
    assert (report["images"], report["annotations"], report["licenses"]) == ([], [], [])


def test_parquet_has_the_rows_with_their_shape(tmp_path: Path) -> None:
    written("parquet", ROWS, tmp_path)
    rows = pq.read_table(tmp_path / "report.parquet").to_pylist()
    assert [row["file"] for row in rows] == [
        *(r["file"] for r in ROWS[:3]),
        "caf\\xe9.jpg",
        "clip.mp4",
    ]
    assert rows[0]["faces"] == []
    face = {key: rows[1]["faces"][1][key] for key in FACE}
    assert face == FACE
    assert (rows[2]["reason"], rows[2]["faces"], rows[2]["width"]) == ("ValueError", None, None)
    assert rows[3]["results"]["picture"] == "caf\\xe9.jpg"
    assert rows[4]["faces"] == ROWS[4]["faces"]
    assert rows[4]["video"] == ROWS[4]["video"]


def test_parquet_has_all_that_is_told_of_a_video(tmp_path: Path) -> None:
    clip = make_video(tmp_path / "clip.mp4")
    row = do(clip, tmp_path / "out", crops="plain", thumbnails=True).row
    row["results"]["not_written"] = ["crop: File name too long"]
    written("parquet", [row], tmp_path)
    (told,) = pq.read_table(tmp_path / "report.parquet").to_pylist()
    assert {key: value for key, value in told.items() if value is not None} == row


def test_parquet_needs_its_extra() -> None:
    code = (
        "import sys; sys.modules['pyarrow'] = None; "
        "from facedetect.archive.reports import check_report; check_report('parquet')"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert b"InvalidSettings" in ended.stderr
    assert b"install facedetect with its extra parquet" in ended.stderr


@pytest.mark.parametrize("name", NAMES)
def test_the_same_rows_give_the_same_bytes(name: ReportName, tmp_path: Path) -> None:
    assert written(name, ROWS, tmp_path / "a") == written(name, ROWS, tmp_path / "b")


class Faces(list[Any]):
    """A list that can be watched."""


@pytest.mark.parametrize(
    ("name", "faces", "most", "readings"),
    [
        ("jsonl", 1, 2, 1),
        ("csv", 1, 2, 1),
        ("coco", 1, 2, 2),
        ("html", 1, 3, 2),
        ("parquet", 100, 201, 1),
    ],
)
def test_rows_are_not_kept(
    name: ReportName, faces: int, most: int, readings: int, tmp_path: Path
) -> None:
    seen: list[ref[Faces]] = []
    counts = []

    def rows() -> Iterator[Row]:
        for number in range(900):
            row = {**found(f"{number:03}.jpg", 0), "faces": Faces([FACE] * faces)}
            seen.append(ref(row["faces"]))
            counts.append(sum(face() is not None for face in seen))
            yield row

    write_report(name, rows, LocalStorage(tmp_path))
    assert len(counts) == 900 * readings
    assert max(counts) <= most


@pytest.mark.parametrize("name", NAMES)
def test_a_report_that_cannot_be_finished_leaves_the_earlier_one(
    name: ReportName, tmp_path: Path
) -> None:
    earlier = written(name, ROWS, tmp_path)
    files = sorted(tmp_path.rglob("*"))

    def broken() -> Iterator[Row]:
        yield found("other.jpg", 1)
        raise OSError("the journal cannot be read")

    with pytest.raises(OSError, match="the journal"):
        write_report(name, broken, LocalStorage(tmp_path))
    assert (tmp_path / REPORTS[name]).read_bytes() == earlier
    assert sorted(tmp_path.rglob("*")) == files


def test_the_summary_counts() -> None:
    summary = RunSummary()
    for row in ROWS:
        summary.add(row)
    assert (summary.images, summary.videos, summary.faces, summary.without_face) == (3, 1, 4, 1)
    assert (summary.failed, summary.failures) == (1, {"ValueError": 1})
    video = a_video("clip.mp4")["video"]
    assert (summary.tracks, summary.frames) == (video["tracks"], video["frames"])


@pytest.mark.parametrize(
    ("size", "small"),
    [
        ((640, 480), (320, 240)),
        ((100, 3200), (10, 320)),
        ((60, 40), (60, 40)),
        ((1, 9000), (1, 320)),
    ],
)
def test_thumbnails_are_small_and_never_enlarged(
    size: tuple[int, int], small: tuple[int, int]
) -> None:
    image = np.zeros((size[1], size[0], 3), np.uint8)
    decoded = cv2.imdecode(np.frombuffer(make_thumbnail(image), np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    assert decoded.shape[1::-1] == small


def test_thumbnails_look_like_the_picture(astronaut: BGRImage) -> None:
    data = np.frombuffer(make_thumbnail(astronaut), np.uint8)
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    assert np.allclose(decoded.mean((0, 1)), astronaut.mean((0, 1)), atol=2)
