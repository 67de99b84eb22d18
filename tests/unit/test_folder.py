"""Folders over the fake backend."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from facedetect import DetectionParams, Detector
from facedetect.backends.base import RawDetections
from facedetect.backends.fake import FakeBackend
from facedetect.errors import BackendProtocolError, BackendUnavailable, InvalidSettings
from facedetect.faces import Face
from facedetect.folder.plan import plan_folder
from facedetect.folder.reports import Row
from facedetect.folder.run import annotate_folder
from facedetect.images import BGRImage, ImageLimits, load_image, write_image
from tests.conftest import ASTRONAUT, GRACE_HOPPER

PARAMS = DetectionParams()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two photographs, a text named .jpg, half a photograph and a note."""
    folder = tmp_path / "in"
    (folder / "deep" / "er").mkdir(parents=True)
    shutil.copy(ASTRONAUT, folder / "b.jpg")
    shutil.copy(GRACE_HOPPER, folder / "deep" / "er" / "a.JPG")
    (folder / "deep" / "text.jpg").write_text("no image")
    (folder / "half.png").write_bytes(ASTRONAUT.read_bytes()[:5000])
    (folder / "notes.txt").write_text("no image by its name")
    return folder


def rows_of(report: Path) -> list[Row]:
    return [json.loads(line) for line in report.read_text("utf-8").splitlines()]


def names_below(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_the_plan_is_sorted_and_mirrors_the_tree(source: Path, tmp_path: Path) -> None:
    plan = plan_folder(source, tmp_path / "out")
    names = [item.name for item in plan.items]
    assert names == ["b.jpg", "half.png", "deep/text.jpg", "deep/er/a.JPG"]
    assert all(item.output == tmp_path / "out" / item.name for item in plan.items)
    assert plan.others == 1


def test_results_of_formats_that_cannot_be_written_become_png(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.gif", "a.gif.png", "b.jfif"):
        (folder / name).touch()
    plan = plan_folder(folder, tmp_path / "out")
    outputs = [item.output.name for item in plan.items]
    assert outputs == ["a.gif.png.png", "a.gif.png", "b.jfif.png"]


def test_results_inside_the_sources_are_left_out(source: Path) -> None:
    out = source / "deep" / "out"
    out.mkdir()
    shutil.copy(ASTRONAUT, out / "old.jpg")
    assert "deep/out/old.jpg" not in [item.name for item in plan_folder(source, out).items]


def test_folders_that_cannot_be_right_are_refused(source: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="is not a folder"):
        plan_folder(tmp_path / "missing", tmp_path / "out")
    with pytest.raises(InvalidSettings, match="could overwrite the sources"):
        plan_folder(source, source.parent / "in" / "deep" / "..")
    with pytest.raises(InvalidSettings, match="could overwrite the sources"):
        plan_folder(source / "deep", source)
    with pytest.raises(InvalidSettings, match="is a file"):
        plan_folder(source, source / "b.jpg")


def test_results_that_are_links_to_sources_are_refused(source: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "deep").symlink_to(source / "deep")
    with pytest.raises(InvalidSettings, match="is a link to a source"):
        plan_folder(source, tmp_path / "out")
    (tmp_path / "other" / "report.jsonl").mkdir(parents=True)
    with pytest.raises(InvalidSettings, match="the report goes there"):
        plan_folder(source, tmp_path / "other")


def test_every_image_has_a_row(source: Path, tmp_path: Path, a_face: Face) -> None:
    plan = plan_folder(source, tmp_path / "out")
    told: list[Row] = []
    detector = Detector(FakeBackend([a_face]))
    summary = annotate_folder(detector, plan, PARAMS, threads=2, on_row=told.append)
    rows = rows_of(plan.report)
    assert rows == told
    assert [(row["image"], row["status"]) for row in rows] == [
        ("b.jpg", "ok"),
        ("half.png", "failed"),
        ("deep/text.jpg", "failed"),
        ("deep/er/a.JPG", "ok"),
    ]
    assert rows[0]["faces"][0]["box"] == {"x_min": 10, "y_min": 5, "x_max": 30, "y_max": 25}
    assert (rows[3]["width"], rows[3]["height"]) == (512, 600)
    assert [row["reason"] for row in rows[1:3]] == ["InvalidImage", "UnsupportedImage"]
    assert (summary.images, summary.faces, summary.without_face, summary.failed) == (2, 2, 0, 2)
    assert names_below(tmp_path / "out") == ["b.jpg", "deep/er/a.JPG", "report.jsonl"]
    drawn = load_image(tmp_path / "out" / "b.jpg", ImageLimits())
    assert drawn.shape == (512, 512, 3)


def test_sources_stay_as_they_are(source: Path, tmp_path: Path) -> None:
    before = {name: (source / name).read_bytes() for name in names_below(source)}
    annotate_folder(Detector(FakeBackend()), plan_folder(source, tmp_path / "o"), PARAMS, threads=2)
    assert {name: (source / name).read_bytes() for name in names_below(source)} == before


def test_an_image_without_a_face_is_counted_and_written(source: Path, tmp_path: Path) -> None:
    plan = plan_folder(source, tmp_path / "out")
    summary = annotate_folder(Detector(FakeBackend()), plan, PARAMS, threads=1)
    assert summary.without_face == 2
    assert rows_of(plan.report)[0]["faces"] == []
    assert (tmp_path / "out" / "b.jpg").exists()


def test_an_empty_folder_gives_an_empty_report(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    plan = plan_folder(tmp_path / "in", tmp_path / "out")
    summary = annotate_folder(Detector(FakeBackend()), plan, PARAMS, threads=2)
    assert summary.images == 0
    assert plan.report.read_text() == ""


def test_one_odd_answer_fails_one_image(source: Path, tmp_path: Path) -> None:
    plan = plan_folder(source, tmp_path / "out")
    backend = FakeBackend(error=BackendProtocolError("odd"))
    summary = annotate_folder(Detector(backend), plan, PARAMS, threads=2)
    assert summary.failures["BackendProtocolError"] == 2


def test_a_backend_that_is_down_ends_the_run(source: Path, tmp_path: Path) -> None:
    plan = plan_folder(source, tmp_path / "out")
    backend = FakeBackend(error=BackendUnavailable("down"))
    with pytest.raises(BackendUnavailable):
        annotate_folder(Detector(backend), plan, PARAMS, threads=2)
    assert names_below(tmp_path / "out") == ["report.jsonl"]
    assert rows_of(plan.report) == []


def test_a_result_that_cannot_be_written_fails_one_image(source: Path, tmp_path: Path) -> None:
    plan = plan_folder(source, tmp_path / "out")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "deep").touch()
    summary = annotate_folder(Detector(FakeBackend()), plan, PARAMS, threads=2)
    assert summary.images == 1
    failed = [row["image"] for row in rows_of(plan.report) if row["status"] == "failed"]
    assert failed == ["half.png", "deep/text.jpg", "deep/er/a.JPG"]


def test_an_interrupted_run_reports_what_is_done(tmp_path: Path, noise: BGRImage) -> None:
    folder = tmp_path / "in"
    for n in range(50):
        write_image(folder / f"{n:02}.png", noise)
    plan = plan_folder(folder, tmp_path / "out")
    rows: list[Row] = []
    stop = Event()

    def stop_after_five(row: Row) -> None:
        rows.append(row)
        if len(rows) == 5:
            stop.set()

    detector = Detector(FakeBackend())
    summary = annotate_folder(detector, plan, PARAMS, threads=2, on_row=stop_after_five, stop=stop)
    assert summary.interrupted
    assert 5 <= summary.images < 50
    reported = [row["image"] for row in rows_of(plan.report)]
    assert reported == [f"{n:02}.png" for n in range(summary.images)]
    assert names_below(tmp_path / "out") == [*reported, "report.jsonl"]


def test_few_images_are_in_memory_at_a_time(tmp_path: Path, noise: BGRImage) -> None:
    folder = tmp_path / "in"
    for n in range(30):
        write_image(folder / f"{n:02}.png", noise)
    plan = plan_folder(folder, tmp_path / "out")

    class Counting(FakeBackend):
        ahead = 0

        def predict(self, *args: Any, **kwargs: Any) -> RawDetections:
            answer = super().predict(*args, **kwargs)
            self.ahead = max(self.ahead, len(self.seen) - len(rows))
            return answer

    rows: list[Row] = []
    backend = Counting()
    annotate_folder(Detector(backend), plan, PARAMS, threads=2, on_row=rows.append)
    assert len(rows) == 30
    assert backend.ahead <= 5
