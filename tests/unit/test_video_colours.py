"""High dynamic range is correct in 8 bits: grey stays grey, and colours match the scene."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from facedetect.errors import UnsupportedVideo
from facedetect.images import BGRImage, ImageLimits, load_image
from facedetect.styles import DisplayStyle
from facedetect.video import open_video_reader
from facedetect.video.hdr import HLG, PQ
from tests.unit.videos import HEIGHT, RATE, WIDTH, do, pictures_of, written

BT709, BT2020, BT2020_NCL, FULL, LIMITED = 1, 9, 9, 2, 1
# BT.2020's brightness of R, G and B, and its primaries in those of BT.709 (BT.2087).
LUMINANCE = np.array([0.2627, 0.6780, 0.0593])
TO_BT2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])


def signal_of(nits: np.ndarray[Any, Any], transfer: int) -> np.ndarray[Any, Any]:
    """What a camera records of the light that a screen of 1000 nits is to show, R, G and B."""
    if transfer != HLG:
        power = (nits / 10000) ** 0.1593017578125
        return np.asarray(((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375)
    screen = nits / 1000
    brightness = max(float(LUMINANCE @ screen), 1e-9)
    scene = screen * brightness ** (1 / 1.2 - 1)
    bright = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.asarray(np.where(scene <= 1 / 12, np.sqrt(3 * scene), bright))


def make_hdr(
    path: Path, transfer: int, linear_bt709: tuple[float, float, float], tag: str = "hvc1"
) -> Path:
    """A video of one colour, given in linear BT.709 where 1 is white of 203 nits."""
    signal = signal_of(TO_BT2020 @ np.array(linear_bt709) * 203, transfer)
    red, _, blue = signal
    luma = float(LUMINANCE @ signal)
    codes = [64 + 876 * luma, 512 + 896 * (blue - luma) / 1.8814, 512 + 896 * (red - luma) / 1.4746]
    with written(path) as output:
        options = {"preset": "ultrafast", "x265-params": "log-level=error:lossless=1"}
        stream = output.add_stream("libx265", rate=RATE, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p10le"
        context = stream.codec_context
        if path.suffix == ".mp4":
            context.codec_tag = tag
        context.color_trc, context.color_primaries = transfer, BT2020
        context.colorspace, context.color_range = BT2020_NCL, LIMITED
        for number in range(3):
            frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p10le")
            for plane, code in zip(frame.planes, codes, strict=True):
                plane.update(np.full(plane.buffer_size // 2, round(code), "<u2").tobytes())
            frame.pts = number
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def first_frame(path: Path) -> BGRImage:
    with open_video_reader(path, ImageLimits()) as reader:
        return next(iter(reader.frames())).to_bgr()


def as_screens_show(bgr: BGRImage) -> np.ndarray[Any, Any]:
    """Linear R, G and B of the middle pixel, by BT.1886."""
    return np.asarray((bgr[HEIGHT // 2, WIDTH // 2, ::-1] / 255) ** 2.4)


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_what_is_not_bright_looks_as_in_the_scene(tmp_path: Path, transfer: int) -> None:
    for colour in ((0.18, 0.18, 0.18), (0.25, 0.12, 0.08), (0.03, 0.2, 0.04), (0.01, 0.01, 0.01)):
        path = make_hdr(tmp_path / "phone.mp4", transfer, colour)
        assert as_screens_show(first_frame(path)) == pytest.approx(np.array(colour), abs=0.008)


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_bright_lights_share_what_is_left(tmp_path: Path, transfer: int) -> None:
    shown = []
    for brightness in (0.5, 1.0, 2.0, 4.9):
        path = make_hdr(tmp_path / "phone.mp4", transfer, (brightness,) * 3)
        blue, green, red = first_frame(path)[HEIGHT // 2, WIDTH // 2].tolist()
        assert max(blue, green, red) - min(blue, green, red) <= 2
        shown.append(green)
    assert shown == sorted(set(shown))
    assert 205 <= shown[1] <= 230, "white is nearly white"
    assert shown[3] >= 250


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_results_say_that_they_are_of_standard_range(
    tmp_path: Path, out: Path, transfer: int, suffix: str
) -> None:
    path = make_hdr(tmp_path / "in" / f"phone.{suffix}", transfer, (0.25, 0.12, 0.08))
    style: DisplayStyle = "blur"
    do(path, out, style=style, thumbnails=True)
    with av.open(str(out / path.name)) as made:
        context = made.streams.video[0].codec_context
        assert context.pix_fmt == "yuv420p"
        found = context.color_trc, context.color_primaries, context.colorspace, context.color_range
        assert found == (BT709, BT709, BT709, LIMITED)
    seen = pictures_of(out / path.name)[0][HEIGHT // 2, WIDTH // 2]
    assert cv2.absdiff(seen, first_frame(path)[HEIGHT // 2, WIDTH // 2]).max() <= 3
    thumbnail = load_image(out / "contact-sheet" / "thumbnails" / f"{path.name}.jpg")
    assert cv2.absdiff(seen, thumbnail[HEIGHT // 2, WIDTH // 2]).max() <= 4


def test_dolby_vision_without_a_picture_for_others_is_refused(tmp_path: Path) -> None:
    unspecified = 2
    path = make_hdr(tmp_path / "film.mp4", unspecified, (0.2, 0.2, 0.2), tag="dvh1")
    with (
        pytest.raises(UnsupportedVideo, match="Dolby Vision"),
        open_video_reader(path, ImageLimits()),
    ):
        pass
    make_hdr(path, PQ, (0.2, 0.2, 0.2), tag="dvh1")
    assert first_frame(path).shape == (HEIGHT, WIDTH, 3)
