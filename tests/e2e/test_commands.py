from __future__ import annotations

import io
import json
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.servers import FACEDETECT
from facedetect.images import BGRImage, ImageLimits, load_image, write_image
from tests.conftest import ASTRONAUT, GRACE_HOPPER
from tests.processes import call, run
from tests.unit.metadata import display_p3

COMMANDS = [
    "detect",
    "annotate",
    "hide",
    "annotate-folder",
    "serve",
    "freeze",
    "convert",
    "inspect",
]


def test_detect_prints_a_table() -> None:
    ended = run("detect", ASTRONAUT, GRACE_HOPPER)
    assert ended.returncode == 0, ended.stderr
    assert "astronaut.jpg: 1 face" in ended.stdout
    assert "204,101" in ended.stdout
    assert not ended.stderr


def test_detect_prints_json_lines_and_goes_on_after_a_bad_file(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no image")
    ended = call("detect", "--json", tmp_path / "text.jpg", tmp_path / "missing.jpg", ASTRONAUT)
    assert ended.returncode == 1
    text, missing, found = map(json.loads, ended.stdout.splitlines())
    assert (text["status"], text["reason"]) == ("failed", "UnsupportedImage")
    assert "does not exist" in missing["message"]
    assert found["status"] == "ok"
    assert len(found["faces"]) == 1
    assert "text.jpg" in ended.stderr


def test_options_change_what_is_found_and_wrong_ones_end_with_a_line() -> None:
    ended = call("detect", "--min-size", "400", ASTRONAUT)
    assert "no face" in ended.stdout
    ended = call("detect", "--min-size", "2", ASTRONAUT)
    assert ended.returncode == 2
    assert ended.stderr == "error: min_size must be at least 8; it is 2\n"
    ended = call("detect", ASTRONAUT, env={"FACEDETECT_TIMEOUT_S": "soon"})
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: FACEDETECT_TIMEOUT_S='soon'")
    ended = call("detect", "--backend", "ftp:nowhere", ASTRONAUT)
    assert ended.returncode == 2
    assert "has an unknown scheme" in ended.stderr


def test_annotate_draws_on_a_copy(tmp_path: Path, astronaut: BGRImage) -> None:
    ended = call("annotate", ASTRONAUT, "-o", tmp_path / "out.png")
    assert ended.returncode == 0, ended.stderr
    drawn = load_image(tmp_path / "out.png", ImageLimits())
    changed = np.argwhere((drawn != astronaut).any(axis=2))
    assert 150 < changed[:, 1].min() < changed[:, 1].max() < 290
    ended = call("annotate", ASTRONAUT, "-o", tmp_path / "out.xyz")
    assert ended.returncode == 2
    assert "use .png" in ended.stderr


def test_a_result_that_cannot_be_written_is_a_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = call("annotate", ASTRONAUT, "-o", tmp_path / "file" / "out.png")
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: ")
    assert "Traceback" not in ended.stderr


@pytest.fixture
def archive(tmp_path: Path, astronaut: BGRImage, grace_hopper: BGRImage) -> Path:
    """32 photographs, one stored sideways, one without a face, a broken file, a text."""
    folder = tmp_path / "in"
    for n in range(30):
        photo = (astronaut, grace_hopper)[n % 2]
        if n % 4 > 1:
            photo = photo[:, ::-1]
        write_image(folder / f"roll {n // 10}" / f"{n:02}.jpg", photo[: 400 + 3 * n])
    write_image(folder / "nobody.png", astronaut[260:, :300])
    shutil.copy(ASTRONAUT, folder / "roll 0" / "UPPER.JPG")
    (folder / "broken.jpg").write_bytes(ASTRONAUT.read_bytes()[:30_000])
    (folder / "text.jpg").write_text("no image")
    (folder / "notes.txt").write_text("not counted")
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    rgb = np.ascontiguousarray(np.rot90(astronaut)[..., ::-1])
    Image.fromarray(rgb).save(buffer, "JPEG", exif=exif, quality=95)
    (folder / "phone.jpg").write_bytes(buffer.getvalue())
    return folder


def test_annotate_keeps_the_colour_profile(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    with Image.open(ASTRONAUT) as image:
        image.save(photo, icc_profile=display_p3())
    assert call("annotate", photo, "-o", tmp_path / "out.png").returncode == 0
    with Image.open(tmp_path / "out.png") as image:
        assert image.info["icc_profile"] == display_p3()


def test_annotate_folder_reports_every_image(archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ended = run("annotate-folder", archive, out)
    assert ended.returncode == 1, ended.stderr
    report = (out / "report.jsonl").read_text("utf-8")
    rows = {row["file"]: row for row in map(json.loads, report.splitlines())}
    assert len(rows) == 35
    assert rows["broken.jpg"]["reason"] == "InvalidImage"
    assert rows["text.jpg"]["reason"] == "UnsupportedImage"
    assert rows["nobody.png"]["faces"] == []
    upright = rows["phone.jpg"]["faces"][0]["box"]
    assert upright["x_min"] == pytest.approx(
        rows["roll 0/UPPER.JPG"]["faces"][0]["box"]["x_min"], abs=2
    )
    scores = [
        [face["confidence"] for face in row["faces"]]
        for row in rows.values()
        if row["status"] == "ok" and row["faces"]
    ]
    assert len(scores) == 32
    assert all(one[0] > 0.99 and not any(score > 0.95 for score in one[1:]) for one in scores)
    faces = sum(map(len, scores))  # including a few false, less certain ones
    assert "33 images" in ended.stdout
    assert f"{faces} faces, 1 without a face, 2 failed" in ended.stdout
    assert "broken.jpg: the image" in ended.stderr
    written = {p.relative_to(out).as_posix() for p in out.rglob("*.*[gG]") if p.is_file()}
    expected = {name for name, row in rows.items() if row["status"] == "ok"}
    assert written == expected
    assert load_image(out / "phone.jpg", ImageLimits()).shape == (512, 512, 3)


def test_ctrl_c_leaves_whole_files_and_the_same_command_goes_on(
    archive: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    for n in range(5):
        shutil.copytree(archive / "roll 0", archive / f"more {n:02}")
    process = subprocess.Popen(
        [FACEDETECT, "annotate-folder", archive, out, "--json"], stdout=subprocess.PIPE, text=True
    )
    while not list(out.rglob("*.jpg")):
        time.sleep(0.05)
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    stdout, _ = process.communicate(timeout=600)
    assert process.returncode == 130
    told = json.loads(stdout)
    assert told["interrupted"]
    written = [p for p in out.rglob("*.*g") if p.is_file()]
    assert len(written) == told["images"]
    for path in written:
        load_image(path, ImageLimits())
    planned = call("annotate-folder", archive, out, "--dry-run", "--json")
    assert json.loads(planned.stdout)["unchanged"] == told["images"]
    ended = call("annotate-folder", archive, out, "--json", "--quiet")
    again = json.loads(ended.stdout)
    assert (again["unchanged"], again["failed"], ended.stderr) == (told["images"], 2, "")
    assert again["images"] == 33 + 5 * 11


def test_a_model_that_is_not_there_is_exit_code_3(tmp_path: Path) -> None:
    ended = call("detect", ASTRONAUT, "--backend", f"savedmodel:{tmp_path / 'none'}")
    assert ended.returncode == 3
    assert "contains no SavedModel" in ended.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str) -> None:
    ended = call(command, "--help")
    assert ended.returncode == 0
    assert f"facedetect {command}" in ended.stdout.split("Usage")[1].split("\n", 1)[1]


def test_version_and_help() -> None:
    assert run("--version").stdout.startswith("facedetect 0.")
    listed = call("--help").stdout
    assert all(command in listed for command in COMMANDS)
