"""`facedetect.archive.annotate_file`, and the commands over it."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import numpy as np
import pytest

from facedetect import Detector, Mask, hide, load_image, write_image
from facedetect.archive import FrameProgress, RunInterrupted, annotate_file
from facedetect.errors import BackendUnavailable, InvalidImage, InvalidSettings
from facedetect.faces import Face
from facedetect.images import BGRImage
from tests.conftest import ASTRONAUT
from tests.fake import failing, finding
from tests.processes import call
from tests.unit.archives import names_below
from tests.unit.videos import FRAMES, is_hidden, red_squares


def test_a_picture_is_hidden_and_nothing_else_written(
    tmp_path: Path, noise: BGRImage, a_face: Face
) -> None:
    write_image(tmp_path / "in.png", noise)
    mask = Mask("ellipse", 0.4)
    with Detector(finding(a_face)) as detector:
        out = tmp_path / "new" / "out.png"
        row = annotate_file(detector, tmp_path / "in.png", out, style="solid", mask=mask)
    assert np.array_equal(load_image(out), hide(noise, [a_face], "solid", mask))
    assert row["file"] == str(tmp_path / "in.png")
    assert row["results"] == {"picture": str(out)}
    assert len(row["faces"]) == 1
    assert [path.name for path in out.parent.iterdir()] == ["out.png"]


def test_a_video_is_hidden_in_every_frame_and_tells_how_far_it_is(
    clip: Path, tmp_path: Path
) -> None:
    told: list[FrameProgress] = []
    with Detector(red_squares()) as detector:
        out = tmp_path / "out.mkv"
        row = annotate_file(detector, clip, out, style="solid", on_frame=told.append)
    assert is_hidden(out)
    assert row["video"]["frames"] == FRAMES
    assert [progress.done for progress in told] == [*range(1, FRAMES + 1)] * 2
    assert {(progress.stage, progress.total) for progress in told} == {
        ("finding faces", FRAMES),
        ("writing", FRAMES),
    }
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out.mkv"}


def test_what_ends_early_leaves_what_was_there(clip: Path, tmp_path: Path) -> None:
    out, stop = tmp_path / "out.mp4", Event()
    out.write_bytes(b"before")

    def stop_while_writing(progress: FrameProgress) -> None:
        if progress.stage == "writing":
            stop.set()

    with Detector(red_squares()) as detector, pytest.raises(RunInterrupted):
        annotate_file(detector, clip, out, style="blur", on_frame=stop_while_writing, stop=stop)
    with Detector(failing(BackendUnavailable("gone"))) as away, pytest.raises(BackendUnavailable):
        annotate_file(away, clip, out, style="blur")
    assert out.read_bytes() == b"before"
    assert names_below(tmp_path) == ["in/clip.mp4", "out.mp4"]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_errors_say_what_is_wrong(tmp_path: Path, clip: Path) -> None:
    with Detector(finding()) as detector:
        with pytest.raises(InvalidImage, match="cannot be read: No such file"):
            annotate_file(detector, tmp_path / "none.jpg", tmp_path / "out.jpg")
        with pytest.raises(InvalidSettings, match="is the input file"):
            annotate_file(detector, ASTRONAUT, ASTRONAUT)
        with pytest.raises(InvalidSettings, match=r"videos cannot be written as \.png; use \.mp4"):
            annotate_file(detector, clip, tmp_path / "out.png")
        with pytest.raises(InvalidSettings, match=r"images cannot be written as \.mp4"):
            annotate_file(detector, ASTRONAUT, tmp_path / "out.mp4")


def test_hide_writes_a_file_or_into_a_folder(tmp_path: Path, astronaut: BGRImage) -> None:
    write_image(tmp_path / "b.bmp", astronaut[:300])
    (tmp_path / "broken.jpg").write_bytes(ASTRONAUT.read_bytes()[:9000])
    ended = call("hide", ASTRONAUT, "-o", tmp_path / "out.png")
    assert (ended.returncode, ended.stdout) == (0, f"{tmp_path / 'out.png'}: 1 face\n")
    files = ASTRONAUT, tmp_path / "b.bmp", tmp_path / "broken.jpg"
    ended = call("hide", *files, "-o", tmp_path / "out", "--style", "solid", "--margin", "0.5")
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"{tmp_path / 'broken.jpg'}: the image")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["astronaut.jpg", "b.bmp"]
    hidden = load_image(tmp_path / "out" / "b.bmp")
    assert not hidden[70:170, 190:260].any()
    assert call("detect", "--json", tmp_path / "out.png").stdout.endswith('"faces": []}\n')


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a/x.jpg", "b/x.jpg", "-o", "out"], "two files would be written to out/x.jpg"),
        (["a", "-o", "out.jpg"], "a is a folder; use facedetect annotate-folder"),
        (
            ["a/x.jpg", "b/y.jpg", "-o", "new.JPG"],
            "-o is new.JPG, which looks like a file;",
        ),
        (["a/x.jpg", "b/y.jpg", "-o", "new.mp4"], "several files need a folder: -o new/"),
        (["a/x.jpg", "b/y.jpg", "-o", "-"], "-o - is one picture; give a folder for the 2"),
        (["a/x.jpg", "b/x.jpg", "-o", "a/x.jpg"], "a/x.jpg is a file; give a folder"),
        (["a/x.jpg", "-o", "a"], "is the input file"),
        (["a/x.jpg", "-o", "out.jpg", "--style", "image"], "needs an image"),
        (["a/x.jpg", "-o", "out.jpg", "--margin", "3"], "must be from 0 to 2"),
        (["a/x.jpg", "-o", "out.doc"], "images cannot be written as .doc"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_the_model_is_loaded(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.jpg").write_bytes(ASTRONAUT.read_bytes())
    ended = call("hide", *arguments, cwd=tmp_path, env={"FACEDETECT_BACKEND": "savedmodel:none"})
    assert ended.returncode == 2
    assert message in ended.stderr
    assert names_below(tmp_path) == ["a/x.jpg", "b/x.jpg"]
