"""Read videos: odd, broken and malicious ones."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import cv2
import numpy as np
import pytest
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.format import VideoFormat

from facedetect.errors import ImageTooLarge, InvalidVideo, UnsupportedVideo
from facedetect.images import BGRImage, ImageLimits
from facedetect.video import VideoReader, open_video_reader
from facedetect.video.pixel_conversion import PixelConverter, check_pixel_format
from facedetect.video.video_file import OPEN_OPTIONS
from tests.unit.odd_videos import damaged_video, half_floats_exr, mux, with_tags_first
from tests.unit.videos import (
    FRAMES,
    RATE,
    add_pictures,
    encode,
    make_video,
    square_at,
    written,
)

TICK = Fraction(1, RATE)
INTERLACED = {"x264-params": "interlaced=1"}


def read(path: Path, **limits: int) -> tuple[VideoReader, list[BGRImage]]:
    """The reader, once it has read all, and the pictures."""
    with open_video_reader(path, ImageLimits(**limits)) as reader:
        return reader, [frame.to_bgr() for frame in reader.frames()]


def test_pixels_that_would_end_the_process_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "clip.mov"
    with written(path) as output:
        mux(output, add_pictures(output, codec="exr", pix_fmt="gbrapf32le"), [half_floats_exr()])
    with pytest.raises(UnsupportedVideo, match="yaf32le"):
        read(path)


@pytest.mark.parametrize("name", ["yaf32le", "grayf16le", "rgbaf16le", "gray32le", "vaapi"])
def test_formats_of_no_camera_are_refused(name: str) -> None:
    with pytest.raises(UnsupportedVideo, match=name):
        check_pixel_format(VideoFormat(name, 16, 16))


@pytest.mark.parametrize("name", ["yuv420p", "yuvj422p", "yuv444p16le", "p010le", "pal8", "gbrp12"])
def test_formats_of_cameras_are_taken(name: str) -> None:
    kind = VideoFormat(name if name != "gbrp12" else "gbrp12le", 16, 16)
    check_pixel_format(kind)
    assert PixelConverter().to_bgr(av.VideoFrame(16, 16, kind.name)).shape == (16, 16, 3)


def test_what_ffmpeg_does_not_convert_is_refused() -> None:
    with pytest.raises(UnsupportedVideo, match="pixel format x2rgb10be"):
        PixelConverter().to_bgr(av.VideoFrame(16, 16, "x2rgb10be"))


@pytest.mark.parametrize(("alpha", "expected"), [(0, 255), (255, 40), (128, 147)])
def test_transparency_is_laid_over_white(tmp_path: Path, alpha: int, expected: int) -> None:
    path = tmp_path / "clip.mov"
    rgba = np.full((32, 32, 4), 40, np.uint8)
    rgba[..., 2], rgba[..., 3] = 200, alpha
    with written(path) as output:
        pictures = add_pictures(output, codec="png", pix_fmt="rgba", size_wh=(32, 32))
        frame = av.VideoFrame.from_ndarray(rgba, "rgba")
        frame.pts, frame.time_base = 0, TICK
        output.mux(pictures.encode(frame))
        output.mux(pictures.encode(None))
    _, (picture,) = read(path)
    blue, green, red = picture[16, 16]
    assert (green, red) == pytest.approx((expected, expected), abs=1)
    assert blue == pytest.approx(200 + (255 - 200) * (255 - alpha) / 255, abs=1)


def test_transparent_colours_of_a_palette_are_laid_over_white() -> None:
    palette = np.full((256, 4), 40, np.uint8)
    palette[:, 0] = 0  # alpha
    pixels: Any = (np.zeros((16, 16), np.uint8), palette)  # as PyAV takes them
    frame = av.VideoFrame.from_ndarray(pixels, "pal8")
    assert (PixelConverter().to_bgr(frame) == 255).all()


def test_frames_that_the_decoder_holds_back_are_read(tmp_path: Path) -> None:
    path = make_video(tmp_path / "clip.mp4", options={"preset": "medium", "bf": "3"})
    assert len(read(path)[1]) == FRAMES


class EndsBadly:
    """A file that ends with an error of PyAV's."""

    def __init__(self, container: InputContainer, error: Exception) -> None:
        self._container = container
        self._error = error
        self.streams = container.streams
        self.start_time, self.duration = container.start_time, container.duration

    def demux(self, *streams: Stream) -> Iterator[av.Packet[Any]]:
        yield from self._container.demux(*streams)
        raise self._error


@pytest.mark.parametrize(
    ("error", "damaged"),
    [
        pytest.param(IndexError("list index out of range"), 0, id="new programmes"),
        pytest.param(av.error.OSError(5, "Input/output error"), 1, id="broken"),
        pytest.param(OverflowError("value too large"), 1, id="odd numbers"),
    ],
)
def test_what_came_before_a_bad_end_is_read(tmp_path: Path, error: Exception, damaged: int) -> None:
    path = make_video(tmp_path / "clip.ts")
    with path.open("rb") as file, av.open(file, "r") as container:
        ends_badly = cast("InputContainer", EndsBadly(container, error))
        reader = VideoReader(ends_badly, path.stat().st_size, ImageLimits())
        assert len(list(reader.frames())) == FRAMES
    assert reader.damaged == damaged


def test_a_disk_that_fails_fails_the_video(tmp_path: Path) -> None:
    path = make_video(tmp_path / "clip.ts")
    with path.open("rb") as file, av.open(file, "r") as container:
        ends_badly = cast("InputContainer", EndsBadly(container, OSError(5, "Input/output error")))
        reader = VideoReader(ends_badly, path.stat().st_size, ImageLimits())
        with pytest.raises(InvalidVideo, match="cannot be read"):
            list(reader.frames())


@pytest.mark.parametrize("name", ["clip.mkv", "clip.webm", "clip.flv"])
def test_lost_pictures_are_told_where_the_file_alone_has_a_length(
    tmp_path: Path, name: str
) -> None:
    codec = "libvpx-vp9" if name.endswith("webm") else "libx264"
    path = tmp_path / name
    with written(path) as output:
        encode(output, add_pictures(output, codec=codec, options={"g": "5"}), frames=50)
    whole, _ = read(path)
    assert (whole.frame_count, whole.missing_s) == (50, 0)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    cut, pictures = read(path)
    assert cut.missing_s == pytest.approx((50 - len(pictures)) / RATE, abs=0.05)


@pytest.mark.parametrize("codec", ["libx264", "libx265", "libvpx-vp9"])
def test_broken_frames_come_out_the_same_each_time(tmp_path: Path, codec: str) -> None:
    """Whatever the decoder's memory held before, which depends on when frames are freed."""
    path = damaged_video(tmp_path / "clip.mkv", codec)
    gc.freeze()  # so that collecting takes no time for what other tests left
    seen = {b"".join(collect_garbage_at(number, path)) for number in (-1, 0, 9, 13, 17)}
    gc.unfreeze()
    assert len(seen) == 1


def collect_garbage_at(number: int, path: Path) -> Iterator[bytes]:
    """The frames' pixels, where Python collects garbage while that frame is read."""
    with open_video_reader(path, ImageLimits()) as reader:
        for frame in reader.frames():
            if frame.number == number:
                gc.collect()
            yield frame.to_bgr().tobytes()


def test_frames_that_the_decoder_patched_are_counted(tmp_path: Path) -> None:
    reader, pictures = read(damaged_video(tmp_path / "clip.mkv", "libx264"))
    assert reader.damaged >= 3
    assert len(pictures) == FRAMES


def test_a_file_that_gives_more_than_it_holds_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "clip.avi"
    with written(path) as output:
        encode(output, add_pictures(output, codec="rawvideo"), frames=40)
    assert path.stat().st_size > 2**20
    with path.open("rb") as file, av.open(file, "r") as container:
        reader = VideoReader(container, 1000, ImageLimits())
        with pytest.raises(InvalidVideo, match="same bytes repeatedly"):
            list(reader.frames())


def test_a_file_cannot_have_another_one_opened(tmp_path: Path) -> None:
    """Formats open others as this opens its path: with the same options."""
    path = make_video(tmp_path / "clip.mp4")
    with pytest.raises(av.FFmpegError), av.open(str(path), options=OPEN_OPTIONS):
        pass


def test_frames_that_grow_too_large_are_not_decoded(tmp_path: Path) -> None:
    small = make_video(tmp_path / "small.ts")
    large = make_video(tmp_path / "large.ts", size_wh=(640, 480), begin=FRAMES)
    small.write_bytes(small.read_bytes() + large.read_bytes())
    reader, pictures = read(small, max_pixels=160 * 120)
    assert (len(pictures), reader.damaged) == (FRAMES, FRAMES)


def test_frames_that_grow_over_the_limit_are_told(tmp_path: Path) -> None:
    path = make_video(tmp_path / "clip.ts")
    larger = make_video(tmp_path / "larger.ts", size_wh=(176, 128), begin=FRAMES)
    path.write_bytes(path.read_bytes() + larger.read_bytes())
    with pytest.raises(ImageTooLarge, match="176x128"):
        read(path, max_pixels=160 * 120)


def test_a_cover_before_the_film_is_not_taken_for_it(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    with written(path) as output:
        pictures = add_pictures(output)
        cover = add_pictures(output, codec="mjpeg", size_wh=(64, 64), pix_fmt="yuvj420p")
        cover.disposition = Disposition.attached_pic
        mux(output, cover, [cv2.imencode(".jpg", square_at(0, 64, 64))[1].tobytes()])
        encode(output, pictures)
    path.write_bytes(with_tags_first(path.read_bytes()))
    with av.open(str(path)) as container:
        assert container.streams.video[0].disposition & Disposition.attached_pic
    assert len(read(path)[1]) == FRAMES


def test_pixels_that_are_not_square_are_turned_as_well(tmp_path: Path) -> None:
    path = tmp_path / "phone.mp4"
    with written(path) as output:
        pictures = add_pictures(output)
        pictures.codec_context.sample_aspect_ratio = Fraction(4, 3)
        pictures.set_display_rotation(90)
        encode(output, pictures, frames=2)
    reader, _ = read(path)
    assert reader.frame_size.pixel_aspect == Fraction(3, 4)


def test_interlaced_pictures_of_two_lines_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "tv.mkv"
    make_video(path, codec="mpeg2video", size_wh=(16, 2), options={"flags": "+ildct+ilme"})
    with pytest.raises(UnsupportedVideo, match=r"of 16x2 px .* cannot be deinterlaced"):
        read(path)


def test_interlaced_pictures_that_change_their_size_are_all_there(tmp_path: Path) -> None:
    parts = [
        make_video(tmp_path / f"{begin}.ts", size_wh=size_wh, begin=begin, options=INTERLACED)
        for size_wh, begin in (((160, 120), 0), ((320, 240), FRAMES))
    ]
    path = tmp_path / "tv.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    assert len(read(path)[1]) == 2 * FRAMES
