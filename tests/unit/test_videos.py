"""Videos of a folder: tiny ones, made here, with red squares for faces."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from operator import add
from pathlib import Path
from threading import Event

import av
import numpy as np
import pytest

from facedetect import Detector
from facedetect.archive.processing import RunInterrupted
from facedetect.errors import (
    BackendUnavailable,
    ImageTooLarge,
    InvalidVideo,
    UnsupportedVideo,
)
from facedetect.images import ImageLimits, load_image
from tests.fake import failing
from tests.unit.videos import (
    FRAMES,
    HEIGHT,
    RATE,
    WIDTH,
    add_pictures,
    do,
    encode,
    encode_tone,
    is_hidden,
    item_of,
    lines_of,
    make_video,
    packets_of,
    pictures_of,
    red_box,
    red_squares,
    seen_sizes,
    square_at,
    times_of,
    written,
)


@pytest.mark.parametrize("stride", [1, 3])
def test_faces_are_hidden_in_every_frame(clip: Path, out: Path, stride: int) -> None:
    assert not is_hidden(clip)
    outcome = do(clip, out, stride=stride)
    assert is_hidden(out / "clip.mp4")
    assert times_of(out / "clip.mp4") == times_of(clip)
    assert outcome.outputs == {
        name: (out / name).stat().st_size for name in ("clip.mp4", "clip.mp4.faces.jsonl")
    }


def test_the_row_tells_of_the_video_and_of_each_track(clip: Path, out: Path) -> None:
    row = do(clip, out, stride=4).row
    (face,) = row.pop("faces")
    assert row == {
        "file": "clip.mp4",
        "status": "ok",
        "width": WIDTH,
        "height": HEIGHT,
        "video": {
            "frames": FRAMES,
            "looked_at": 5,
            "seconds": 0.8,
            "tracks": 1,
            "damaged": 0,
            "missing_s": 0.0,
            "left_out": [],
        },
        "results": {"picture": "clip.mp4", "frames": "clip.mp4.faces.jsonl"},
    }
    assert {key: face[key] for key in ("track", "first_s", "last_s")} == {
        "track": 1,
        "first_s": 0.0,
        "last_s": 0.64,
    }
    assert face["time_s"] == face["frame"] / RATE


def test_a_line_for_each_frame_that_was_looked_at(clip: Path, out: Path) -> None:
    do(clip, out, stride=4)
    lines = lines_of(out / "clip.mp4.faces.jsonl")
    assert [(line["frame"], line["time_s"]) for line in lines] == [
        (0, 0.0),
        (4, 0.16),
        (8, 0.32),
        (12, 0.48),
        (16, 0.64),
    ]
    (face,) = lines[1]["faces"]
    assert face["track"] == 1
    assert face["box"]["x_min"] == pytest.approx(18, abs=2)
    assert set(face) == {"track", "box", "confidence", "landmarks", "roll_deg"}


def test_crops_and_a_thumbnail(clip: Path, out: Path) -> None:
    results = do(clip, out, crops="plain", thumbnails=True).row["results"]
    assert results["crops"] == ["crops/clip.mp4-1.jpg"]
    assert results["thumbnail"] == "contact-sheet/thumbnails/clip.mp4.jpg"
    assert red_box(load_image(out / results["crops"][0])) is not None
    assert red_box(load_image(out / results["thumbnail"])) is None


def test_style_none_writes_no_video(clip: Path, out: Path) -> None:
    results = do(clip, out, style="none", crops="aligned", thumbnails=True).row["results"]
    assert set(results) == {"crops", "thumbnail", "frames"}
    assert not (out / "clip.mp4").exists()


def test_a_video_without_faces(tmp_path: Path, out: Path) -> None:
    path = tmp_path / "in" / "empty.mp4"
    with written(path) as output:
        encode(output, add_pictures(output), paint=lambda _: np.full((120, 160, 3), 99, np.uint8))
    row = do(path, out, thumbnails=True, crops="plain").row
    assert (row["faces"], row["video"]["tracks"]) == ([], 0)
    assert row["results"]["crops"] == []


@pytest.mark.parametrize(
    ("degrees", "hflip"), [(90, False), (-90, False), (180, False), (90, True)]
)
def test_pictures_are_turned_upright(tmp_path: Path, out: Path, degrees: int, hflip: bool) -> None:
    """They are shown turned anticlockwise first, and mirrored then."""
    path = tmp_path / "in" / "phone.mp4"
    stored = square_at(0)
    with written(path) as output:
        pictures = add_pictures(output)
        pictures.set_display_rotation(degrees, hflip=hflip)
        encode(output, pictures, frames=3, paint=lambda _: stored)
    backend = red_squares()
    row = do(path, out, style="box", detector=Detector(backend)).row
    turned = np.rot90(stored, degrees // 90)[:, :: -1 if hflip else 1]
    assert seen_sizes(backend) == [(turned.shape[1], turned.shape[0])] * 3
    assert (row["width"], row["height"]) == seen_sizes(backend)[0]
    found, expected = row["faces"][0]["box"], red_box(turned)
    assert expected is not None
    assert found["x_min"] == pytest.approx(expected.x_min, abs=2)
    assert found["y_min"] == pytest.approx(expected.y_min, abs=2)
    with av.open(str(out / "phone.mp4")) as made:
        frame = next(made.decode(video=0))
        assert frame.rotation == 0
        assert (frame.width, frame.height) == seen_sizes(backend)[0]


def test_interlaced_pictures_become_whole_ones(tmp_path: Path, out: Path) -> None:
    path = tmp_path / "in" / "tv.mkv"
    with written(path) as output:
        encode(output, add_pictures(output, options={"x264-params": "interlaced=1"}))
    with av.open(str(path)) as source:
        assert next(source.decode(video=0)).interlaced_frame
    do(path, out)
    with av.open(str(out / "tv.mkv")) as made:
        assert not next(made.decode(video=0)).interlaced_frame
    assert times_of(out / "tv.mkv") == pytest.approx(times_of(path), abs=0.002)
    assert is_hidden(out / "tv.mkv")


def test_pictures_that_change_their_size_keep_the_first_one(tmp_path: Path, out: Path) -> None:
    """As calls and broadcasts do."""
    parts = [
        make_video(tmp_path / f"{begin}.ts", size_wh=size_wh, begin=begin)
        for size_wh, begin in (((160, 120), 0), ((320, 240), FRAMES))
    ]
    path = tmp_path / "in" / "call.mpg"
    path.parent.mkdir()
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    do(path, out, suffix=".mp4")
    shapes = [picture.shape for picture in pictures_of(out / "call.mpg.mp4")]
    assert shapes == [(120, 160, 3)] * 2 * FRAMES
    assert is_hidden(out / "call.mpg.mp4")


def test_a_damaged_piece_is_left_out_and_counted(tmp_path: Path, out: Path) -> None:
    path = make_video(tmp_path / "in" / "clip.webm", codec="libvpx-vp9", options={"g": "5"})
    packets = [data for _, _, data in packets_of(path, "video")]
    data = path.read_bytes()
    assert data.count(packets[7]) == 1
    path.write_bytes(data.replace(packets[7], b"\xff" * len(packets[7])))
    video = do(path, out).row["video"]
    assert video["damaged"] == 1
    assert 0.7 * FRAMES < video["frames"] < FRAMES
    assert is_hidden(out / "clip.webm")


def test_pictures_that_begin_after_the_sound_are_all_there(tmp_path: Path, out: Path) -> None:
    """Matroska tells how long the whole file is, not the pictures alone."""
    for name, begin, seconds in (("late.mkv", 20, 0.8), ("long.mkv", 0, 2.5)):
        path = tmp_path / "in" / name
        with written(path) as output:
            pictures = add_pictures(output)
            tone = output.add_stream("aac", rate=48000, layout="stereo")
            encode(output, pictures, ticks=partial(add, begin))
            encode_tone(output, tone, seconds=seconds)
        video = do(path, out).row["video"]
        assert (video["frames"], video["missing_s"]) == (FRAMES, 0)


@pytest.mark.parametrize(
    ("name", "codec", "becomes"),
    [
        ("a.ts", "libx265", "h264"),
        ("a.flv", "libx264", "h264"),
        ("a.avi", "mjpeg", "h264"),
        ("a.3gp", "mpeg4", "h264"),
        ("a.mp4", "libx265", "hevc"),
        ("a.webm", "libvpx-vp9", "vp9"),
    ],
)
def test_players_take_the_pictures(
    tmp_path: Path, out: Path, name: str, codec: str, becomes: str
) -> None:
    pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    path = make_video(tmp_path / "in" / name, codec=codec, pix_fmt=pix_fmt)
    suffix = "" if name.endswith((".mp4", ".webm")) else ".mp4"
    do(path, out, suffix=suffix)
    with av.open(str(out / f"{name}{suffix}")) as made:
        context = made.streams.video[0].codec_context
        assert context.codec.canonical_name == becomes
        assert context.pix_fmt in {"yuv420p", "yuvj420p"}
    assert is_hidden(out / f"{name}{suffix}")


def test_a_video_that_ends_too_early_is_done_as_far_as_it_goes(tmp_path: Path, out: Path) -> None:
    path = tmp_path / "in" / "cut.mp4"
    with written(path, movflags="faststart") as output:
        encode(output, add_pictures(output, options={"g": "5"}), frames=50)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) - len(data) // 3])
    video = do(path, out).row["video"]
    assert 0 < video["frames"] < 50
    assert video["missing_s"] == pytest.approx((50 - video["frames"]) / RATE, abs=0.05)
    assert is_hidden(out / "cut.mp4")


def fails(path: Path, out: Path, **limits: int) -> str:
    """Return the message for a video that fails; it leaves nothing behind."""
    detector = Detector(red_squares(), limits=ImageLimits(**limits))
    with pytest.raises((InvalidVideo, UnsupportedVideo, ImageTooLarge)) as caught:
        do(path, out, detector=detector)
    assert not [file for file in out.rglob("*") if file.is_file()]
    assert str(path.parent) not in str(caught.value)
    return str(caught.value)


def test_a_video_without_its_index_fails(clip: Path, out: Path) -> None:
    clip.write_bytes(clip.read_bytes()[:-500])
    assert "complete file" in fails(clip, out)


@pytest.mark.parametrize("data", [b"", b"hello", b"\0" * 5000, b"\xff" * 5000])
def test_what_is_no_video_fails(tmp_path: Path, out: Path, data: bytes) -> None:
    path = tmp_path / "in" / "clip.mp4"
    path.parent.mkdir()
    path.write_bytes(data)
    assert "cannot be decoded" in fails(path, out)


def test_sound_alone_fails(tmp_path: Path, out: Path) -> None:
    path = tmp_path / "in" / "song.mp4"
    with written(path) as output:
        encode_tone(output, output.add_stream("aac", rate=48000, layout="stereo"))
    assert "no video stream" in fails(path, out)


def test_a_file_that_is_not_there_fails(tmp_path: Path, out: Path) -> None:
    clip = make_video(tmp_path / "in" / "clip.mp4")
    item = item_of(clip)
    clip.unlink()
    with pytest.raises(InvalidVideo, match="cannot be read"):
        do(clip, out, item=item)


def test_large_pictures_are_refused(clip: Path, out: Path) -> None:
    assert "160x120" in fails(clip, out, max_pixels=160 * 120 - 1)


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{clip}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile {clip}\n",
        '<?xml version="1.0"?><MPD><Period><BaseURL>{clip}</BaseURL></Period></MPD>',
    ],
)
@pytest.mark.parametrize("name", ["list.mp4", "list.avi", "list.ts"])
def test_a_list_of_other_files_opens_none_of_them(
    clip: Path, out: Path, text: str, name: str
) -> None:
    path = clip.with_name(name)
    path.write_text(text.format(clip=clip))
    assert "cannot be decoded" in fails(path, out)


def test_a_stop_leaves_nothing_half_done(clip: Path, out: Path) -> None:
    stop = Event()
    stop.set()
    with pytest.raises(RunInterrupted):
        do(clip, out, stop=stop)
    assert not [file for file in out.rglob("*") if file.is_file()]


def test_a_model_that_is_away_ends_it(clip: Path, out: Path) -> None:
    backend = failing(BackendUnavailable("gone"))
    with pytest.raises(BackendUnavailable):
        do(clip, out, detector=Detector(backend))
    assert not [file for file in out.rglob("*") if file.is_file()]


def test_without_pyav_the_extra_is_named(clip: Path) -> None:
    code = (
        "import sys; sys.modules['av'] = None\n"
        "from pathlib import Path\n"
        "from facedetect.images import ImageLimits\n"
        "from facedetect.video import open_video_reader\n"
        f"with open_video_reader(Path({str(clip)!r}), ImageLimits()): pass\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "UnsupportedVideo" in run.stderr
    assert "pip install 'facedetect[video]'" in run.stderr
    assert "in a checkout .venv/bin/pip install '.[video]'" in run.stderr
    assert "--no-videos" not in run.stderr  # `hide` has no such option
