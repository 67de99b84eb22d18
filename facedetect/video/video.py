"""A video, from its file to the copy with other pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from facedetect.images import BGRImage, ImageLimits
from facedetect.video.video_reader import (
    DecodedFrame,
    FrameSize,
    VideoReader,
    open_video_reader,
)
from facedetect.video.video_writer import VideoWriter, open_video_writer


@dataclass(frozen=True)
class VideoFacts:
    """What is known of a video from the frames read so far; see `VideoReader`."""

    frame_size: FrameSize
    frame_count: int
    duration_s: float
    damaged: int
    missing_s: float


class Frame(Protocol):
    """A frame: its number from 0, its time, s, and the same time in the file's ticks."""

    @property
    def number(self) -> int: ...

    @property
    def time_s(self) -> float: ...

    @property
    def ticks(self) -> int: ...

    def to_bgr(self) -> BGRImage:
        """Return its pixels, which may be converted again at each call."""


class FrameWriter(Protocol):
    """Writes a video's frames with new pixels; see `VideoWriter`."""

    @property
    def left_out(self) -> list[str]: ...

    @property
    def damaged(self) -> int: ...

    def write(self, ticks: int, image_bgr: BGRImage) -> None:
        """Write a frame at that time."""


class Video(Protocol):
    """An open video, whose frames are read once. Use it in one thread.

    Methods raise InvalidVideo, UnsupportedVideo and ImageTooLarge.
    """

    @property
    def expected_frames(self) -> int | None:
        """The approximate number of frames by the header, None if unknown."""

    @property
    def facts(self) -> VideoFacts: ...

    def frames(self, is_needed: Callable[[int], bool] = ...) -> Iterator[Frame]:
        """Yield all frames; only those whose numbers are needed, by default all, have pixels."""

    def writer(
        self, container: str, size: FrameSize, *, keep_tags: bool
    ) -> AbstractContextManager[FrameWriter]:
        """Write the copy, see `open_video_writer`, with audio and subtitles from `frames`."""


class LocalVideo:
    """A video read, and written to the file `result`, in this process."""

    def __init__(self, reader: VideoReader, result: BinaryIO | None) -> None:
        self._reader = reader
        self._result = result
        self._writer: VideoWriter | None = None

    @property
    def expected_frames(self) -> int | None:
        return self._reader.expected_frames

    @property
    def facts(self) -> VideoFacts:
        reader = self._reader
        return VideoFacts(
            reader.frame_size,
            reader.frame_count,
            reader.duration_s,
            reader.damaged,
            reader.missing_s,
        )

    def frames(
        self,
        is_needed: Callable[[int], bool] = lambda _: True,  # noqa: ARG002 - converted on demand
    ) -> Iterator[DecodedFrame]:
        return self._reader.frames(None if self._writer is None else self._writer.copy)

    @contextmanager
    def writer(self, container: str, size: FrameSize, *, keep_tags: bool) -> Iterator[VideoWriter]:
        if self._result is None:
            raise ValueError("the video was opened without a result")
        with open_video_writer(
            self._result, container, self._reader, size, keep_tags=keep_tags
        ) as self._writer:
            yield self._writer


@contextmanager
def open_local_video(
    path: Path, limits: ImageLimits, result: Path | None = None
) -> Iterator[LocalVideo]:
    """Open a video in this process; `result` is the file for its copy.

    Raises InvalidVideo, UnsupportedVideo, ImageTooLarge, and OSError if `result` cannot be written.
    """
    with ExitStack() as stack:
        reader = stack.enter_context(open_video_reader(path, limits))
        file = None if result is None else stack.enter_context(result.open("w+b"))
        yield LocalVideo(reader, file)
