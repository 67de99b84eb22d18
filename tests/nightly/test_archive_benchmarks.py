"""Short runs of the annotate-folder benchmarks: they work, whatever they measure."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmarks import annotate_folder, anonymising, kills
from benchmarks.annotate_folder import DETECTOR, MODEL, ONE, TWO
from benchmarks.bad_files import BadFile, bad_files
from benchmarks.hidden import Hidden, hidden_by_black, hidden_by_change, score_mask
from benchmarks.kills import Kill, KillReport, differing_files
from benchmarks.synthetic_archive import CODINGS, make_archive, read_sources
from benchmarks.synthetic_video import RATE, make_clip, read_frames
from facedetect import Detector, load_image
from facedetect.archive.storage import RUN_FOLDER
from facedetect.backends.fake import FakeBackend
from facedetect.errors import ImageError
from facedetect.faces import Box
from facedetect.images import BGRImage, ImageLimits, decode_image, encode_image
from tests.nightly.test_benchmarks import ROOT
from tests.nightly.test_service_benchmarks import section

NOT_READ = {"gone.jpg", "round.jpg", "pipe.jpg", "endless.jpg"}  # cannot be, or would not end


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("made") / "archive"
    make_archive(made, 20, longest=300)
    return made


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return Path(shutil.copy(ROOT / "docs/benchmark-folder.md", tmp_path / "folder.md"))


def test_the_same_seed_makes_the_same_archive(archive: Path, tmp_path: Path) -> None:
    faces = make_archive(tmp_path / "again", 20, longest=300)
    assert differing_files(archive, tmp_path / "again") == []
    make_archive(tmp_path / "other", 20, seed=2, longest=300)
    assert len(differing_files(archive, tmp_path / "other")) >= 20
    assert {Path(name).suffix for name in faces} == {coding.suffix for coding in CODINGS}


def test_exif_orientations_make_its_pictures_upright(tmp_path: Path) -> None:
    faces = make_archive(tmp_path, 16, longest=400)
    (head, *_) = read_sources().heads
    skin = head.pixels[100:150, 100:150].mean(axis=(0, 1))
    for name, boxes in faces.items():
        image = load_image(tmp_path / name)
        for box in boxes:
            middle = image[round(box.y_min + box.height / 2), round(box.x_min + box.width / 2)]
            assert np.abs(middle.mean() - skin.mean()) < 90, name
            assert box.x_max <= image.shape[1], name
            assert box.y_max <= image.shape[0], name


@pytest.mark.parametrize(
    "bad", [bad for bad in bad_files() if bad.name not in NOT_READ], ids=lambda bad: ascii(bad.name)
)
def test_broken_files_give_their_error(bad: BadFile, tmp_path: Path) -> None:
    bad.write(tmp_path / bad.name)
    with pytest.raises(ImageError) as refused:
        decode_image((tmp_path / bad.name).read_bytes(), ImageLimits())
    assert type(refused.value).__name__ == bad.reason


def test_a_clip_has_the_faces_of_every_frame(tmp_path: Path) -> None:
    seen = make_clip(tmp_path / "clip.mp4", 0.4, (320, 180))
    frames = read_frames(tmp_path / "clip.mp4")
    assert len(frames) == len(seen) == 0.4 * RATE
    assert {frame.shape for frame in frames} == {(180, 320, 3)}
    whole = [box for one in seen for box in one.whole]
    assert whole
    assert all(0 <= box.x_min < box.x_max <= 320 for box in whole)


def test_what_is_hidden_is_found_from_the_pixels() -> None:
    source = np.full((100, 100, 3), 120, np.uint8)
    result = source.copy()
    result[10:40, 10:40] = 0
    result[70:80, 70:80] = 0
    faces = [Box(10, 10, 40, 40), Box(10, 60, 40, 90), Box(36, 36, 46, 46)]
    for mask in (hidden_by_change(source, result), hidden_by_black(source, result)):
        hidden = score_mask(mask, faces)
        assert hidden.is_hidden == [True, False, False]
        assert hidden.by_size() == {"< 20 px": (1, 1), "< 40 px": (1, 2)}
        assert (hidden.false_pixels, hidden.pixels) == (100, 10_000)
        assert score_mask(mask, faces, [Box(70, 70, 80, 80)]).false_pixels == 0


def test_files_that_differ(tmp_path: Path) -> None:
    for name, content in {"a/same": b"1", "a/other": b"2", "b/same": b"1", "b/other": b"3"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / "b/new").touch()
    (tmp_path / "b" / RUN_FOLDER).mkdir()
    (tmp_path / "b" / RUN_FOLDER / "journal").touch()
    assert differing_files(tmp_path / "a", tmp_path / "b") == ["new", "other"]


def test_the_report_of_kills() -> None:
    report = KillReport([Kill(0, 7, 1.5, 0)], Kill(7, 20, 3.0, 2), 20, [])
    text = kills.format_report(report)
    assert "| 1 | 1.5 | 0 | 7 | 0 |" in text
    assert "| 2 | 3.0 | 7 | 20 | 2 |" in text
    assert "none differs" in text


def test_annotate_folder_reports_speed_stages_and_memory(archive: Path, page: Path) -> None:
    with Detector(FakeBackend()) as detector:
        decoded = annotate_folder.detect_decoded(archive, detector, threads=2)
        files = annotate_folder.detect_files(archive, detector, threads=2)
        stages = annotate_folder.profile(archive, detector)
    ran = annotate_folder.CommandRun(pictures=20, seconds=2.0, total_s=5.0, peak_mb=300.0)
    speeds = {ONE: [10.0], TWO: [19.0], DETECTOR: [20.0], MODEL: [38.0]}
    measured = annotate_folder.Measured(speeds, {TWO: [ran]}, stages, {2: 299.0, 20: 300.0})
    annotate_folder.write_report(page.with_suffix(""), page, measured)
    assert min(decoded, files) > 0
    assert list(stages) == ["read", "decode", "detect", "draw", "encode", "write"]
    written = section(page, "annotate-folder")
    assert f"| {TWO} | 19.0 | 1.90x | 0.95x | 0.50x | 3.0 |" in written
    assert "299 MB for 2 pictures, 300 MB for 20 pictures" in written
    assert json.loads(page.with_suffix(".json").read_text())["per_second"] == speeds


def hide_all(source: Path, output: Path, _: str) -> None:
    for path in source.iterdir():
        output.mkdir(exist_ok=True)
        hidden: BGRImage = np.zeros_like(load_image(path))
        (output / path.name).write_bytes(encode_image(hidden, path.suffix))


def hide_nothing(source: Path, output: Path, _: str) -> None:
    shutil.copytree(source, output)


def test_anonymising_counts_missed_faces_and_false_pixels(tmp_path: Path, page: Path) -> None:
    labelled = anonymising.make_pictures(tmp_path / "made", 3)
    tools = {"all": hide_all, "nothing": hide_nothing}
    measured = [anonymising.Measured(name) for name in tools]
    anonymising.measure_times(measured, tools, labelled, rounds=1)
    for one in measured:
        one.video_s = [1.0]
        one.hidden["made"] = anonymising.hidden_in_pictures(tools[one.name], labelled)
    everything, nothing = (one.hidden["made"] for one in measured)
    assert everything.missed == nothing.false_pixels == 0
    assert nothing.missed == nothing.faces == everything.faces > 2
    assert 0 < everything.false_pixels < everything.pixels
    anonymising.write_report(tmp_path / "report", page, measured)
    assert "| made | nothing | 3 | 100.0% |" in section(page, "anonymising")
    assert json.loads((tmp_path / "report.json").read_text())[0]["name"] == "all"


def test_anonymising_scores_each_frame_of_a_video(tmp_path: Path) -> None:
    measured = [anonymising.Measured("nothing")]
    tools = {"nothing": hide_nothing}
    anonymising.measure_video(measured, tools, tmp_path / "video", seconds=0.2, rounds=1)
    hidden: Hidden = measured[0].hidden["video"]
    assert hidden.missed == hidden.faces > 0
    assert hidden.false_pixels == 0
