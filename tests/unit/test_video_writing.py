"""Written videos: codecs, colours, times and tags."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from facedetect.errors import UnsupportedVideo
from facedetect.images import BGRImage, ImageLimits
from facedetect.video import FrameSize, open_video_reader, open_video_writer
from tests.unit.videos import (
    FRAMES,
    HEIGHT,
    WIDTH,
    add_pictures,
    do,
    encode,
    encode_tone,
    is_hidden,
    make_video,
    packets_of,
    pictures_of,
    times_of,
    written,
)


@pytest.mark.parametrize(
    ("encoder", "codec", "suffix", "result"),
    [
        ("libx264", "h264", ".mov", "h264"),
        ("libx265", "hevc", ".mp4", "hevc"),
        ("libvpx", "vp8", ".webm", "vp8"),
        ("libvpx-vp9", "vp9", ".webm", "vp9"),
        ("libsvtav1", "av1", ".mkv", "av1"),
        ("mpeg4", "mpeg4", ".mkv", "h264"),
    ],
)
def test_the_codec_stays_where_it_can(
    tmp_path: Path, out: Path, encoder: str, codec: str, suffix: str, result: str
) -> None:
    path = make_video(tmp_path / "in" / f"clip{suffix}", codec=encoder)
    do(path, out)
    with av.open(str(path)) as source, av.open(str(out / path.name)) as made:
        assert source.streams.video[0].codec.canonical_name == codec
        assert made.streams.video[0].codec.canonical_name == result
        assert made.format.name == source.format.name
    assert is_hidden(out / path.name)
    assert len(pictures_of(out / path.name)) == FRAMES


def test_odd_sides_grow_by_one(tmp_path: Path, out: Path) -> None:
    path = make_video(tmp_path / "in" / "odd.webm", codec="libvpx-vp9", size_wh=(161, 121))
    row = do(path, out).row
    assert (row["width"], row["height"]) == (161, 121)
    assert pictures_of(out / "odd.webm")[0].shape == (122, 162, 3)
    assert is_hidden(out / "odd.webm")


def test_uneven_times_stay(tmp_path: Path, out: Path) -> None:
    path = tmp_path / "in" / "vfr.mp4"
    with written(path) as output:
        pictures = add_pictures(output)
        pictures.codec_context.time_base = Fraction(1, 1000)
        encode(output, pictures, ticks=lambda n: n * n * 10 + n)
    do(path, out)
    assert times_of(out / "vfr.mp4") == pytest.approx(times_of(path), abs=1e-6)
    assert times_of(path)[:4] == pytest.approx([0, 0.011, 0.042, 0.093])


def test_colours_stay(tmp_path: Path, out: Path) -> None:
    path = tmp_path / "in" / "hd.mp4"
    with written(path) as output:
        pictures = add_pictures(output)
        context = pictures.codec_context
        context.colorspace = context.color_primaries = context.color_trc = 1  # BT.709
        context.color_range = 2
        context.sample_aspect_ratio = Fraction(4, 3)
        encode(output, pictures)
    do(path, out, style="box")
    with av.open(str(path)) as source, av.open(str(out / "hd.mp4")) as made:
        for name in ("colorspace", "color_primaries", "color_trc", "color_range"):
            old = getattr(source.streams.video[0].codec_context, name)
            assert getattr(made.streams.video[0].codec_context, name) == old, name
        assert made.streams.video[0].sample_aspect_ratio == Fraction(4, 3)
        before, after = next(source.decode(video=0)), next(made.decode(video=0))
        brightness = [np.asarray(f.to_ndarray())[:HEIGHT, 100:].mean() for f in (before, after)]
    assert brightness[0] == pytest.approx(brightness[1], abs=1)


def test_no_room_is_no_fault_of_the_video(clip: Path) -> None:
    pictures = FrameSize(WIDTH, HEIGHT, Fraction(1))
    full = Path("/dev/full")

    def copy() -> None:
        with (
            open_video_reader(clip, ImageLimits()) as source,
            full.open("r+b", buffering=0) as file,
            open_video_writer(file, "mp4", source, pictures, keep_tags=True) as result,
        ):
            for frame in source.frames(result.copy):
                result.write(frame.ticks, frame.to_bgr())

    with pytest.raises(OSError, match="No space left"):
        copy()


def busy(number: int) -> BGRImage:
    """Noise that moves: an encoder has to decide a lot."""
    noise = np.random.default_rng(1).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    large = cv2.resize(noise, (480, 320), interpolation=cv2.INTER_CUBIC)
    return np.ascontiguousarray(large[2 * number :, 3 * number :][:HEIGHT, :WIDTH])


def test_the_same_video_gives_the_same_bytes(tmp_path: Path) -> None:
    """Encoders look 40 frames ahead: short videos tell little."""
    path = tmp_path / "in" / "clip.mp4"
    with written(path) as output:
        encode(output, add_pictures(output), frames=80, paint=busy)
    results = [tmp_path / str(number) for number in range(8)]
    rows = [do(path, result, style="blur").row for result in results]
    assert all(row == rows[0] for row in rows)
    assert len({(result / "clip.mp4").read_bytes() for result in results}) == 1


def test_hevc_has_the_tag_that_players_want(tmp_path: Path, out: Path) -> None:
    path = make_video(tmp_path / "in" / "clip.mp4", codec="libx265")
    do(path, out)
    tags = []
    for file in (path, out / "clip.mp4"):
        with av.open(str(file)) as container:
            tags.append(container.streams.video[0].codec_context.codec_tag)
    assert tags == ["hev1", "hvc1"]


def test_colours_of_rgb_stay(tmp_path: Path, out: Path) -> None:
    path = make_video(tmp_path / "in" / "clip.mkv", codec="libx264rgb", pix_fmt="bgr24")
    do(path, out, style="none")
    with open_video_reader(path, ImageLimits()) as source:
        assert source.stream.codec_context.colorspace == 0
    do(path, out, style="box")
    with av.open(str(out / "clip.mkv")) as made:
        assert made.streams.video[0].codec_context.colorspace == 6
    before, after = pictures_of(path)[0], pictures_of(out / "clip.mkv")[0]
    assert abs(before.astype(int) - after)[70:].mean(axis=(0, 1)) == pytest.approx(0, abs=3)


def test_players_can_begin_before_they_have_the_whole_file(clip: Path, out: Path) -> None:
    do(clip, out)
    data = (out / "clip.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def make_late(path: Path, begin: int) -> Path:
    """A video that begins at `begin` 25ths of a second, sound 1/5 s before pictures."""
    with written(path) as output:
        pictures = add_pictures(output)
        tone = output.add_stream("aac", rate=48000, layout="stereo")
        if path.suffix != ".ts":
            times = (0, begin - 9, begin - 1, begin + 10)
            output.set_chapters([chapter(*pair) for pair in pairwise(times)])
        encode(output, pictures, ticks=lambda number: begin + number)
        encode_tone(output, tone, begin_s=begin / 25 - 0.2)
    return path


def chapter(start: int, end: int) -> av.container.Chapter:
    return {
        "id": start,
        "start": start,
        "end": end,
        "time_base": Fraction(1, 25),
        "metadata": {"title": "Cake"},
    }


@pytest.mark.parametrize("name", ["hour.ts", "hour.mkv"])
def test_what_begins_late_begins_at_once(tmp_path: Path, out: Path, name: str) -> None:
    path = make_late(tmp_path / "in" / name, 90_000)
    suffix = ".mp4" if name.endswith(".ts") else ""
    do(path, out, suffix=suffix, metadata="keep")
    result = out / (name + suffix)
    old_sound, new_sound = (packets_of(file, "audio")[0][1] for file in (path, result))
    old_times, new_times = times_of(path), times_of(result)
    assert float(old_sound) > 3599
    assert float(new_sound) == pytest.approx(0, abs=0.03)
    moved = float(old_sound - new_sound)
    assert new_times == pytest.approx([time - moved for time in old_times], abs=0.002)


def test_pictures_that_a_codec_does_not_take(tmp_path: Path) -> None:
    path = make_video(tmp_path / "clip.webm", codec="libvpx")
    pictures = FrameSize(2**14, HEIGHT, Fraction(1))
    with (
        pytest.raises(UnsupportedVideo, match=r"cannot be written as webm \("),
        open_video_reader(path, ImageLimits()) as source,
        (tmp_path / "result.webm").open("w+b") as file,
        open_video_writer(file, "webm", source, pictures, keep_tags=False),
    ):
        pytest.fail("it began")


def test_chapters_begin_with_the_video(tmp_path: Path, out: Path) -> None:
    do(make_late(tmp_path / "in" / "clip.mkv", 250), out, metadata="keep")
    with av.open(str(out / "clip.mkv")) as made:
        chapters = made.chapters()
    assert {c["time_base"] for c in chapters} == {Fraction(1, 10**9)}
    assert [(c["start"], c["end"]) for c in chapters] == [
        (0, 160_000_000),
        (160_000_000, 600_000_000),
    ]
    assert [c["metadata"] for c in chapters] == [{"title": "Cake"}] * 2
