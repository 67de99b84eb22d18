"""Videos read and written in decoder processes, and what happens to those processes."""

from __future__ import annotations

import os
import re
import signal
import struct
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest

from facedetect import Detector
from facedetect.backends import InferenceRequest
from facedetect.errors import FacedetectError, ImageTooLarge, InvalidVideo, UnsupportedVideo
from facedetect.faces import Face
from facedetect.images import BGRImage, ImageLimits
from facedetect.sandbox import sandboxed_video
from facedetect.sandbox.budget import Budget
from facedetect.sandbox.decoder_pool import DecoderPool
from facedetect.video import Video, VideoFacts, open_local_video
from facedetect.video.hdr import PQ
from tests.unit.archives import do_folder, names_below, rows_of
from tests.unit.odd_videos import INTERLACED, damaged_video, hidden_frames
from tests.unit.test_sandbox import decoders, open_files
from tests.unit.test_video_colours import make_hdr
from tests.unit.test_video_sound import make_loud
from tests.unit.test_video_writing import make_late
from tests.unit.videos import (
    FRAMES,
    add_pictures,
    do,
    encode,
    find_red_square,
    is_hidden,
    make_video,
    red_squares,
    written,
)

LIMITS = ImageLimits(max_pixels=1_000_000)


@pytest.fixture(scope="module")
def pool() -> Iterator[DecoderPool]:
    pool = DecoderPool(2, LIMITS)
    yield pool
    pool.close()


@pytest.fixture
def detector() -> Iterator[Detector]:
    with Detector(red_squares(), limits=LIMITS, isolate=True, decoders=2) as detector:
        yield detector


Seen = tuple[list[tuple[int, float, int]], list[BGRImage], VideoFacts, int | None]


def read(opened: AbstractContextManager[Video]) -> Seen:
    """Times, pixels and facts of a video."""
    times, images = [], []
    with opened as video:
        for frame in video.frames():
            times.append((frame.number, frame.time_s, frame.ticks))
            images.append(frame.to_bgr())
        return times, images, video.facts, video.expected_frames


def turned(path: Path) -> Path:
    with written(path) as output:
        pictures = add_pictures(output)
        pictures.set_display_rotation(90)
        encode(output, pictures)
    return path


def grown(path: Path) -> Path:
    parts = [
        make_video(path.with_name(f"{begin}.ts"), size_wh=size_wh, begin=begin)
        for size_wh, begin in (((160, 120), 0), ((320, 240), FRAMES))
    ]
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


VIDEOS: dict[str, Callable[[Path], Path]] = {
    "plain.mp4": make_video,
    "interlaced.mkv": lambda path: make_video(path, options=INTERLACED),
    "hdr.mp4": lambda path: make_hdr(path, PQ, (0.2, 0.5, 0.7)),
    "turned.mp4": turned,
    "grown.ts": grown,
    "late.ts": lambda path: make_late(path, 250),
    "damaged.mkv": lambda path: damaged_video(path, "libx264"),
    "hidden.webm": lambda path: hidden_frames(path, 50),
    "av1.mkv": lambda path: make_video(path, codec="libsvtav1"),
}


@pytest.mark.parametrize("name", VIDEOS)
def test_frames_are_those_of_this_process(pool: DecoderPool, tmp_path: Path, name: str) -> None:
    """They are kept, which are more than the decoder has places for."""
    path = VIDEOS[name](tmp_path / name)
    there, here = read(pool.open_video(path)), read(open_local_video(path, LIMITS))
    for image, expected in zip(there[1], here[1], strict=True):
        assert np.array_equal(image, expected)
    assert there[0] == here[0]
    assert there[2:] == here[2:]


def test_a_part_of_a_frame_keeps_its_pixels(pool: DecoderPool, tmp_path: Path) -> None:
    path = make_video(tmp_path / "clip.mp4")
    with pool.open_video(path) as video, open_local_video(path, LIMITS) as local:
        expected = next(local.frames()).to_bgr()[30:60, 10:40].copy()
        frames = video.frames()
        part = next(frames).to_bgr()[30:60, 10:40]
        for frame in frames:
            frame.to_bgr()
    assert np.array_equal(part, expected)


def test_frames_are_not_copied(pool: DecoderPool, tmp_path: Path) -> None:
    with pool.open_video(make_video(tmp_path / "clip.mp4")) as video:
        assert not any(frame.to_bgr().flags.owndata for frame in video.frames())


def test_a_decoder_has_no_rights(pool: DecoderPool, tmp_path: Path) -> None:
    path = make_video(tmp_path / "clip.mp4")
    for result, may_grow in ((None, "0"), (tmp_path / "result.mp4", "unlimited")):
        with pool.open_video(path, result):
            (pid,) = decoders(pool)
            limits = Path(f"/proc/{pid}/limits").read_text()
            assert re.search("Max open files +0 +0 ", limits)
            assert re.search(f"Max file size +{may_grow} ", limits)


def test_no_room_for_the_result_is_no_fault_of_the_video(pool: DecoderPool, clip: Path) -> None:
    def copy() -> None:
        with (
            pool.open_video(clip, Path("/dev/full")) as video,
            video.writer("mp4", video.facts.frame_size, keep_tags=True) as writer,
        ):
            for frame in video.frames():
                writer.write(frame.ticks, frame.to_bgr())

    with pytest.raises(OSError, match="No space left"):
        copy()


@pytest.mark.parametrize(
    ("name", "make", "suffix"),
    [
        ("sound.mkv", lambda path: make_loud(path, "aac"), ""),
        ("sound.avi", lambda path: make_loud(path, "pcm_s16le"), ".mp4"),
        ("late.mkv", lambda path: make_late(path, 250), ""),
        ("hevc.mp4", lambda path: make_video(path, codec="libx265"), ""),
        ("vp9.webm", lambda path: make_video(path, codec="libvpx-vp9"), ""),
        ("av1.mkv", lambda path: make_video(path, codec="libsvtav1"), ""),
    ],
)
def test_results_are_those_of_this_process(
    detector: Detector, tmp_path: Path, name: str, make: Callable[[Path], Path], suffix: str
) -> None:
    path = make(tmp_path / "in" / name)
    rows, data = [], []
    for out, where in ((tmp_path / "here", None), (tmp_path / "there", detector)):
        rows.append(
            do(path, out, suffix=suffix, detector=where, crops="plain", metadata="keep").row
        )
        data.append([(out / file).read_bytes() for file in names_below(out)])
    assert rows[0] == rows[1]
    assert data[0] == data[1]
    assert is_hidden(tmp_path / "there" / (name + suffix))


def with_false_size(path: Path, side: int) -> Path:
    """A small VP8 video whose first frame says that it is a large square (RFC 6386, 9.1)."""
    video = make_video(path.with_suffix(".webm"), codec="libvpx")
    start = b"\x9d\x01\x2a"
    before, after = video.read_bytes().split(start, maxsplit=1)
    path.write_bytes(before + start + struct.pack("<HH", side, side) + after[4:])
    return path


def broken(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda path: broken(path, b""), InvalidVideo),
        (lambda path: broken(path, b"\xff" * 5000), InvalidVideo),
        (lambda path: broken(path, make_video(path).read_bytes()[:-500]), InvalidVideo),
        (lambda path: path, InvalidVideo),
        (lambda path: make_video(path, size_wh=(1280, 1024)), ImageTooLarge),
        (lambda path: with_false_size(path, 16_000), InvalidVideo),
        (lambda path: make_hdr(path, 2, (0.2, 0.2, 0.2), tag="dvh1"), UnsupportedVideo),
    ],
    ids=["empty", "noise", "cut", "missing", "large", "claims to be large", "Dolby Vision"],
)
def test_errors_are_those_of_this_process(
    pool: DecoderPool,
    tmp_path: Path,
    make: Callable[[Path], Path],
    kind: type[FacedetectError],
) -> None:
    path = make(tmp_path / "clip.mp4")
    with pytest.raises(kind) as here:
        read(open_local_video(path, LIMITS))
    with pytest.raises(kind) as there:
        read(pool.open_video(path))
    assert str(there.value) == str(here.value)


def test_hidden_frames_count(
    pool: DecoderPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = hidden_frames(tmp_path / "hostile.webm", 20_000)
    monkeypatch.setattr(sandboxed_video, "frame_budget", lambda _: Budget(0.1, 2**30))
    message = r"more than 0\.1 s of CPU time, the limit for one frame of its size; re-encode it"
    with pytest.raises(ImageTooLarge, match=message):
        read(pool.open_video(path))


def test_memory_is_bounded(
    pool: DecoderPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_video(tmp_path / "clip.mp4", codec="libx265", size_wh=(1280, 720))
    monkeypatch.setattr(sandboxed_video, "frame_budget", lambda _: Budget(60, 2**20))
    with pytest.raises(ImageTooLarge, match="the video takes more than 1 MB of memory"):
        read(pool.open_video(path))


def test_a_decoder_that_hangs_is_killed(
    pool: DecoderPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_video(tmp_path / "clip.mp4")
    with pool.open_video(path) as video:
        frames = video.frames()
        next(frames)
        (pid,) = decoders(pool)
        os.kill(pid, signal.SIGSTOP)
        monkeypatch.setattr(sandboxed_video, "_WALL_S_PER_CPU_S", 0.01)
        with pytest.raises(ImageTooLarge, match="made no progress"):
            list(frames)
    assert not decoders(pool)


@pytest.mark.parametrize(
    ("number", "kind", "message"),
    [
        (signal.SIGKILL, ImageTooLarge, "more than the available memory"),
        (signal.SIGSEGV, InvalidVideo, r"crashes its decoder \(signal 11\)"),
    ],
)
def test_a_crash_costs_its_own_video_only(
    tmp_path: Path,
    number: signal.Signals,
    kind: type[FacedetectError],
    message: str,
) -> None:
    """Videos of a folder, while the decoder of one of them is killed after some frames."""
    source, output = tmp_path / "in", tmp_path / "out"
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        make_video(source / name)
    backend = red_squares()
    with Detector(backend, isolate=True, decoders=1) as detector:
        pool = detector._decoders  # noqa: SLF001 - nobody else needs to know
        assert pool is not None
        do(source / "a.mp4", tmp_path / "warm", detector=detector)
        backend.requests.clear()  # which keep the frames
        before = open_files()
        seen = 0

        def find(request: InferenceRequest) -> list[Face]:
            nonlocal seen
            seen += 1
            if seen == FRAMES + 5:
                os.kill(decoders(pool)[0], number)
            return find_red_square(request)

        backend.respond = find
        do_folder(source, output, detector, workers=1)
        assert not decoders(pool)
        backend.requests.clear()
        assert open_files() <= before  # fewer if an earlier test's files are freed meanwhile
    good, bad, last = rows_of(output)
    assert [row["status"] for row in (good, last)] == ["ok", "ok"]
    assert (bad["status"], bad["reason"]) == ("failed", kind.__name__)
    assert re.search(message, bad["message"])
