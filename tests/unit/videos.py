"""Tiny videos, and a model that finds red squares in them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from threading import Event
from typing import Any

import av
import numpy as np
from av.container import OutputContainer

from facedetect import Detector
from facedetect.archive.output_writer import OutputWriter
from facedetect.archive.plan import SourceFile
from facedetect.archive.processing import FileResult, ProcessingOptions
from facedetect.archive.storage import LocalStorage
from facedetect.archive.video_processor import VideoJob
from facedetect.backends import InferenceRequest
from facedetect.backends.fake import FakeBackend
from facedetect.faces import Box, Face, Landmarks, Point
from facedetect.images import BGRImage
from facedetect.video import FrameDetectionPool

WIDTH, HEIGHT, FRAMES, RATE = 160, 120, 20, 25
SIDE = 24
SOUND_RATE = 48_000

Paint = Callable[[int], BGRImage]


def find_red_square(request: InferenceRequest) -> list[Face]:
    """Find what is red, as a model finds a face."""
    box = red_box(request.image)
    return [] if box is None else [_face_in(box)]


def red_squares() -> FakeBackend:
    return FakeBackend(find_red_square)


def seen_sizes(backend: FakeBackend) -> list[tuple[int, int]]:
    """The width and height of each image that the model was given."""
    return [request.image.shape[1::-1] for request in backend.requests]


def red_box(image: BGRImage) -> Box | None:
    """Around all red pixels."""
    blue, green, red = (image[..., channel].astype(int) for channel in range(3))
    rows, columns = np.nonzero((red > 150) & (green < 90) & (blue < 90))
    if not len(rows):
        return None
    sides = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    return Box(*(float(side) for side in sides))


def _face_in(box: Box) -> Face:
    places = [(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)]
    points = (Point(box.x_min + box.width * x, box.y_min + box.height * y) for x, y in places)
    return Face(box, 0.9, Landmarks(*points))


def square_at(frame: int, width: int = WIDTH, height: int = HEIGHT) -> BGRImage:
    """Grey stripes and a red square that moves right, 2 px a frame."""
    image = np.full((height, width, 3), 120, np.uint8)
    image[:, ::16] = 90
    left = 10 + 2 * frame
    image[30 : 30 + SIDE, left : left + SIDE] = (20, 20, 230)
    return image


@contextmanager
def written(path: Path, container: str | None = None, **options: str) -> Iterator[OutputContainer]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format=container, container_options=options) as output:
        yield output


def add_pictures(
    output: OutputContainer,
    *,
    codec: str = "libx264",
    size_wh: tuple[int, int] = (WIDTH, HEIGHT),
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
) -> av.VideoStream:
    """A stream that is quick to encode."""
    quick = {"libx264": {"preset": "ultrafast"}, "libx265": {"preset": "ultrafast"}}
    quick["libx265"]["x265-params"] = "log-level=error"
    quick["libsvtav1"] = {"preset": "12"}
    stream = output.add_stream(
        codec, rate=RATE, options={**quick.get(codec, {}), **(options or {})}
    )
    assert isinstance(stream, av.VideoStream)
    stream.width, stream.height = size_wh
    stream.pix_fmt = pix_fmt
    return stream


def encode(
    output: OutputContainer,
    stream: av.VideoStream,
    *,
    frames: int = FRAMES,
    paint: Paint = square_at,
    ticks: Callable[[int], int] = lambda frame: frame,
) -> None:
    """Encode pictures; `ticks` are in 1/25 s, or what the stream's time base is."""
    for number in range(frames):
        frame = av.VideoFrame.from_ndarray(paint(number), "bgr24")
        frame.pts = ticks(number)
        frame.time_base = stream.codec_context.time_base or Fraction(1, RATE)
        output.mux(stream.encode(frame))
    output.mux(stream.encode(None))


def encode_tone(
    output: OutputContainer,
    stream: av.AudioStream,
    *,
    seconds: float = FRAMES / RATE,
    begin_s: float = 0,
) -> None:
    """A tone of 440 Hz."""
    times = np.arange(int(seconds * SOUND_RATE)) / SOUND_RATE
    tone = (0.2 * np.sin(2 * np.pi * 440 * times)).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(np.stack([tone, tone]), "fltp", "stereo")
    frame.sample_rate, frame.pts = SOUND_RATE, round(begin_s * SOUND_RATE)
    output.mux(stream.encode(frame))
    output.mux(stream.encode(None))


def make_video(
    path: Path, *, size_wh: tuple[int, int] = (WIDTH, HEIGHT), begin: int = 0, **how: Any
) -> Path:
    """A video of pictures alone; the first one is shown at `begin` 25ths of a second."""
    with written(path) as output:
        encode(
            output,
            add_pictures(output, size_wh=size_wh, **how),
            paint=lambda number: square_at(number, *size_wh),
            ticks=lambda number: begin + number,
        )
    return path


def pictures_of(path: Path) -> list[BGRImage]:
    with av.open(str(path)) as container:
        frames = (frame.to_ndarray(format="bgr24") for frame in container.decode(video=0))
        return [np.asarray(picture, np.uint8) for picture in frames]


def is_hidden(path: Path) -> bool:
    return all(red_box(picture) is None for picture in pictures_of(path))


def times_of(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(frame.time) for frame in container.decode(video=0)]


def packets_of(path: Path, kind: str) -> list[tuple[int, Fraction, bytes]]:
    with av.open(str(path)) as container:
        return [
            (packet.stream_index, packet.pts * packet.time_base, bytes(packet))
            for packet in container.demux()
            if packet.stream.type == kind and packet.pts is not None
        ]


def item_of(path: Path, suffix: str = "") -> SourceFile:
    return SourceFile(path.name, path.name + suffix, path.stat().st_size, "1")


def do(
    path: Path,
    out: Path,
    *,
    suffix: str = "",
    item: SourceFile | None = None,
    detector: Detector | None = None,
    stop: Event | None = None,
    **work: Any,
) -> FileResult:
    """Do one video, red squares being the faces; `suffix` is added to the result's name."""
    detector = detector or Detector(red_squares())
    item = item or item_of(path, suffix)
    asked = ProcessingOptions(**{"style": "solid", **work})
    outputs = OutputWriter(LocalStorage(out))
    job = VideoJob(detector, item, asked, outputs, FrameDetectionPool(2), stop or Event())
    return FileResult(item, job.run(path.parent / item.name), outputs.sizes)


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
