"""A video that is read and written in a decoder process."""

from __future__ import annotations

import queue
import time
import weakref
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from facedetect.images import BGRImage, ImageLimits
from facedetect.sandbox.budget import (
    Budget,
    frame_budget,
    opening_budget,
    writing_budget,
)
from facedetect.sandbox.decoder_link import DecoderLink
from facedetect.sandbox.fork_server_client import ForkServerClient
from facedetect.sandbox.frame_memory import FrameMemory
from facedetect.sandbox.protocol import Message, size_message, to_facts
from facedetect.sandbox.subject import VIDEO
from facedetect.video import Frame, FrameSize, open_source

# A decoder that takes so much longer than its CPU budget hangs.
_WALL_S_PER_CPU_S = 20
# The place of frames that are copied.
_COPIED = 0


@contextmanager
def open_sandboxed_video(
    fork_server: ForkServerClient,
    path: Path,
    result: Path | None,
    limits: ImageLimits,
    frames: int,
) -> Iterator[SandboxedVideo]:
    """Start a decoder for a video; it ends with the block.

    The pixels of `frames` frames are passed on without a copy while they are in use. Raises
    InvalidVideo, UnsupportedVideo, ImageTooLarge, and OSError if `result` cannot be written.
    """
    with ExitStack() as stack:
        files = [stack.enter_context(open_source(path))]
        if result is not None:
            files.append(stack.enter_context(result.open("w+b")))
        memory = stack.enter_context(closing(FrameMemory.create(1 + frames, limits)))
        fds = [memory.fd, *(file.fileno() for file in files)]
        link = DecoderLink(fork_server, VIDEO, fds)
        stack.callback(link.kill)
        link.start()
        yield SandboxedVideo(link, memory, frames, opening_budget(limits))


class SandboxedVideo:
    """A `Video` in a decoder process."""

    def __init__(
        self, link: DecoderLink, memory: FrameMemory, frames: int, opening: Budget
    ) -> None:
        self._link = link
        self._memory = memory
        # Frames are given back from any thread, even while the queue is in use.
        self._free: queue.SimpleQueue[int] = queue.SimpleQueue()
        for place in range(_COPIED + 1, _COPIED + 1 + frames):
            self._free.put(place)
        answer = self._ask({"do": "open"}, opening)
        self.expected_frames: int | None = answer["expected_frames"]
        self.facts = to_facts(answer["facts"])
        self._budget = frame_budget(self.facts.frame_size)

    def frames(self) -> Iterator[Frame]:
        number = 0
        while True:
            answer = self._call("next")
            self.facts = to_facts(answer["facts"])
            if answer["ticks"] is None:
                return
            yield _SandboxedFrame(number, float(answer["time_s"]), int(answer["ticks"]), self)
            number += 1

    @contextmanager
    def writer(
        self, container: str, size: FrameSize, *, keep_tags: bool
    ) -> Iterator[_SandboxedWriter]:
        self._budget = writing_budget(size)
        answer = self._call(
            "start", container=container, size=size_message(size), keep_tags=keep_tags
        )
        writer = _SandboxedWriter(self, list(map(str, answer["left_out"])))
        yield writer
        writer.damaged = int(self._call("finish")["damaged"])

    def read_pixels(self) -> BGRImage:
        """Return the pixels of the current frame."""
        try:
            place = self._free.get_nowait()
        except queue.Empty:
            return self._pixels_at(_COPIED).copy()
        image = self._pixels_at(place)
        weakref.finalize(image, self._free.put, place)  # views of it keep it
        return image

    def write_frame(self, ticks: int, image_bgr: BGRImage) -> None:
        """Write a frame with these pixels."""
        height, width = image_bgr.shape[:2]
        self._memory.pixels(_COPIED, height, width)[:] = image_bgr
        self._call("write", place=_COPIED, ticks=ticks, height=height, width=width)

    def _pixels_at(self, place: int) -> BGRImage:
        self._call("pixels", place=place)
        size = self.facts.frame_size
        return self._memory.pixels(place, size.height, size.width)

    def _call(self, do: str, **values: object) -> Message:
        return self._ask({"do": do, **values}, self._budget)

    def _ask(self, request: Message, budget: Budget) -> Message:
        deadline = time.monotonic() + _WALL_S_PER_CPU_S * budget.cpu_s
        return self._link.ask(request, budget, deadline)


@dataclass(frozen=True)
class _SandboxedFrame:
    """The frame that was read last."""

    number: int
    time_s: float
    ticks: int
    _video: SandboxedVideo

    def to_bgr(self) -> BGRImage:
        return self._video.read_pixels()


class _SandboxedWriter:
    """Writes the copy of a `SandboxedVideo`."""

    def __init__(self, video: SandboxedVideo, left_out: list[str]) -> None:
        self.left_out = left_out
        self.damaged = 0
        self._video = video

    def write(self, ticks: int, image_bgr: BGRImage) -> None:
        self._video.write_frame(ticks, image_bgr)
