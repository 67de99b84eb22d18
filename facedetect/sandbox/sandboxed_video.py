"""A video that is read and written in a decoder process."""

from __future__ import annotations

import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

from facedetect.images import BGRImage, ImageLimits
from facedetect.sandbox.budget import Budget, frame_budget, opening_budget, writing_budget
from facedetect.sandbox.decoder_link import DecoderLink
from facedetect.sandbox.fork_server_client import ForkServerClient
from facedetect.sandbox.frame_memory import FrameMemory
from facedetect.sandbox.protocol import Message, size_message, to_facts
from facedetect.sandbox.subject import VIDEO
from facedetect.video import Frame, FrameSize, VideoFacts, open_source

# A decoder that takes so much longer than its CPU budget hangs.
_WALL_S_PER_CPU_S = 20
# The frames that are decoded while another one is in use.
_AHEAD = 2
# The place of the frame that is written. There is one more, for the next frame to be read.
_WRITTEN = 0
_OWN_PLACES = _AHEAD + 2


@contextmanager
def open_sandboxed_video(
    fork_server: ForkServerClient,
    path: Path,
    result: Path | None,
    limits: ImageLimits,
    in_use: int,
) -> Iterator[SandboxedVideo]:
    """Start a decoder for a video; it ends with the block.

    While more than `in_use` frames are in use, frames are copied. Raises InvalidVideo,
    UnsupportedVideo, ImageTooLarge, and OSError if `result` cannot be written.
    """
    with ExitStack() as stack:
        files = [stack.enter_context(open_source(path))]
        if result is not None:
            files.append(stack.enter_context(result.open("w+b")))
        places = _OWN_PLACES + in_use
        memory = stack.enter_context(closing(FrameMemory.create(places, limits)))
        fds = [memory.fd, *(file.fileno() for file in files)]
        link = DecoderLink(fork_server, VIDEO, fds)
        video = stack.enter_context(closing(SandboxedVideo(link, memory, places)))
        link.start()
        video.open(path.name, opening_budget(limits))
        yield video


class SandboxedVideo:
    """A `Video` in a decoder process, which decodes the next frames in the meantime."""

    expected_frames: int | None
    facts: VideoFacts

    def __init__(self, link: DecoderLink, memory: FrameMemory, places: int) -> None:
        self._link = link
        self._memory = memory
        self._budget: Budget
        # Pixels are freed in any thread, at any time. Last in, first out: the CPU's caches have it.
        self._free = deque(range(_WRITTEN + 1, places))
        self._on_answers: deque[Callable[[Message], object]] = deque()
        self._frames: deque[tuple[VideoFacts, _SandboxedFrame | None]] = deque()
        self._is_writing = False

    def open(self, name: str, budget: Budget) -> None:
        """Open the file in the decoder; FFmpeg takes its name into account."""
        self._budget = budget
        answer = self._call({"do": "open", "name": name})
        self.expected_frames = answer["expected_frames"]
        self.facts = to_facts(answer["facts"])
        self._budget = frame_budget(self.facts.frame_size)

    def frames(self, is_needed: Callable[[int], bool] = lambda _: True) -> Iterator[Frame]:
        for number in count():
            self._request_frame(number, is_needed=is_needed(number))
            if number < _AHEAD:
                continue
            while not self._frames:
                self._receive()
            self.facts, frame = self._frames.popleft()
            if frame is None:
                return
            yield frame

    @contextmanager
    def writer(
        self, container: str, size: FrameSize, *, keep_tags: bool
    ) -> Iterator[SandboxedWriter]:
        self._budget = writing_budget(size)
        format_ = {"container": container, "size": size_message(size), "keep_tags": keep_tags}
        answer = self._call({"do": "start"} | format_)
        writer = SandboxedWriter(list(map(str, answer["left_out"])), self._write)
        yield writer
        writer.damaged = int(self._call({"do": "finish"})["damaged"])

    def close(self) -> None:
        """Kill the decoder, and forget what was asked of it, so that frames are freed at once."""
        self._link.kill()
        self._on_answers.clear()
        self._frames.clear()

    def _request_frame(self, number: int, *, is_needed: bool) -> None:
        place = self._free.pop() if is_needed else None
        self._send({"do": "next", "place": place}, partial(self._take_frame, number, place))

    def _take_frame(self, number: int, place: int | None, answer: Message) -> None:
        frame, facts = None, to_facts(answer["facts"])
        if answer["ticks"] is not None:
            image = None if place is None else self._take_image(place, facts.frame_size)
            time_s, ticks = float(answer["time_s"]), int(answer["ticks"])
            frame = _SandboxedFrame(number, time_s, ticks, image)
        elif place is not None:
            self._free.append(place)
        self._frames.append((facts, frame))

    def _take_image(self, place: int, size: FrameSize) -> BGRImage:
        """Return the pixels in a place, which becomes free with them."""
        image = self._memory.pixels(place, size.height, size.width)
        if not self._free:  # keep a place for the next request
            self._free.append(place)
            return image.copy()
        weakref.finalize(image, self._free.append, place)
        return image

    def _write(self, ticks: int, image_bgr: BGRImage) -> None:
        while self._is_writing:
            self._receive()
        height, width = image_bgr.shape[:2]
        self._memory.pixels(_WRITTEN, height, width)[:] = image_bgr
        self._is_writing = True
        request = {"do": "write", "place": _WRITTEN, "height": height, "width": width}
        self._send(request | {"ticks": ticks}, self._note_written)

    def _note_written(self, _: Message) -> None:
        self._is_writing = False

    def _call(self, request: Message) -> Message:
        answers: list[Message] = []
        self._send(request, answers.append)
        while not answers:
            self._receive()
        return answers[0]

    def _send(self, request: Message, on_answer: Callable[[Message], object]) -> None:
        self._link.send(request, self._budget)
        self._on_answers.append(on_answer)

    def _receive(self) -> None:
        """Wait for the answer to the oldest request."""
        deadline = time.monotonic() + _WALL_S_PER_CPU_S * self._budget.cpu_s
        answer = self._link.receive(self._budget, deadline)
        self._on_answers.popleft()(answer)


@dataclass(frozen=True)
class _SandboxedFrame:
    """A frame; its image is None if it was not needed."""

    number: int
    time_s: float
    ticks: int
    _image: BGRImage | None

    def to_bgr(self) -> BGRImage:
        if self._image is None:
            raise ValueError(f"frame {self.number} was not needed")
        return self._image


class SandboxedWriter:
    """Writes the copy of a `SandboxedVideo`, in the background."""

    def __init__(self, left_out: list[str], write: Callable[[int, BGRImage], None]) -> None:
        self.left_out = left_out
        self.damaged = 0
        self.write = write
