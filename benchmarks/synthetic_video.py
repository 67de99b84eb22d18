"""Make videos with known faces: a camera pans over a picture of people."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from benchmarks.pictures import resize
from benchmarks.synthetic_archive import compose, read_sources
from facedetect.faces import Box
from facedetect.images import BGRImage

RATE = 25
_SCENE_WH = (2400, 1350)
_PEOPLE = 8
_NEAREST, _FARTHEST = 0.45, 0.95  # share of the scene in view
_TURN_S = 8.0


@dataclass(frozen=True)
class FrameFaces:
    """The faces in a frame: those inside it, and those cut by its edges."""

    whole: list[Box]
    cut: list[Box]


def make_clip(
    path: Path, seconds: float, size_wh: tuple[int, int] = (1280, 720), seed: int = 1
) -> list[FrameFaces]:
    """Write an H.264 video; return the faces in each frame."""
    scene, faces = compose(read_sources(), np.random.default_rng(seed), _SCENE_WH, _PEOPLE)
    views = [_view(number / RATE) for number in range(round(seconds * RATE))]
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", RATE, options={"crf": "18", "preset": "veryfast"})
        stream.width, stream.height = size_wh
        stream.pix_fmt = "yuv420p"
        for number, view in enumerate(views):
            frame = av.VideoFrame.from_ndarray(_frame_of(scene, view, size_wh), "bgr24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return [_faces_in(view, faces, size_wh) for view in views]


def read_frames(path: Path) -> list[BGRImage]:
    with av.open(str(path)) as container:
        frames = container.decode(video=0)
        return [np.asarray(frame.to_ndarray(format="bgr24"), np.uint8) for frame in frames]


def _view(at_s: float) -> Box:
    """Return the part of the scene in view: the camera swings back and forth, and zooms."""
    width, height = _SCENE_WH
    middle, swing = (_NEAREST + _FARTHEST) / 2, (_FARTHEST - _NEAREST) / 2
    share = middle + swing * math.cos(2 * math.pi * at_s / _TURN_S)
    left = (1 - share) * width * (0.5 + 0.5 * math.sin(2 * math.pi * at_s / _TURN_S))
    top = (1 - share) * height * (0.5 + 0.5 * math.cos(4 * math.pi * at_s / _TURN_S))
    return Box(left, top, left + share * width, top + share * height)


def _frame_of(scene: BGRImage, view: Box, size_wh: tuple[int, int]) -> BGRImage:
    rows = slice(round(view.y_min), round(view.y_max))
    columns = slice(round(view.x_min), round(view.x_max))
    return resize(np.ascontiguousarray(scene[rows, columns]), *size_wh)


def _faces_in(view: Box, faces: list[Box], size_wh: tuple[int, int]) -> FrameFaces:
    scale = size_wh[0] / view.width
    seen = FrameFaces([], [])
    for face in faces:
        box = Box(
            (face.x_min - view.x_min) * scale,
            (face.y_min - view.y_min) * scale,
            (face.x_max - view.x_min) * scale,
            (face.y_max - view.y_min) * scale,
        )
        is_whole = min(box.x_min, box.y_min) >= 0
        is_whole = is_whole and box.x_max <= size_wh[0] and box.y_max <= size_wh[1]
        (seen.whole if is_whole else seen.cut).append(box)
    return seen
