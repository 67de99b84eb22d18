"""The decoder process of one video: it reads the video, and writes its copy."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from importlib import import_module
from pkgutil import walk_packages
from typing import BinaryIO

from facedetect.errors import UnsupportedVideo
from facedetect.images import ImageLimits
from facedetect.memory import keep_freed_buffers
from facedetect.sandbox.decoder import Decoder
from facedetect.sandbox.frame_memory import FrameMemory
from facedetect.sandbox.protocol import Message, facts_message, to_size
from facedetect.sandbox.subject import VIDEO
from facedetect.video import DecodedFrame, LocalVideo, VideoWriter, read_video
from facedetect.video.pyav import import_av


def prepare() -> None:
    """Import what decoders can no longer open; if PyAV is not installed, they report that."""
    with suppress(UnsupportedVideo):
        for module in walk_packages(import_av().__path__, "av."):
            if not module.name.endswith("__main__"):
                import_module(module.name)


def decode_video(
    limits: ImageLimits, socket_fd: int, memory_fd: int, source_fd: int, *result_fd: int
) -> None:
    """Answer requests until the other side closes. Call it in a newly forked process."""
    result = os.fdopen(result_fd[0], "r+b") if result_fd else None
    decoder = _VideoDecoder(limits, FrameMemory(memory_fd, limits), source_fd, result)
    keep_freed_buffers()
    decoder.serve(socket_fd, may_write=result is not None)


class _VideoDecoder(Decoder):
    """Runs a `LocalVideo`. Its files are closed with the process."""

    def __init__(
        self, limits: ImageLimits, memory: FrameMemory, source_fd: int, result: BinaryIO | None
    ) -> None:
        super().__init__(VIDEO)
        self._limits = limits
        self._memory = memory
        self._source_fd = source_fd
        self._result = result
        self._reading, self._writing = ExitStack(), ExitStack()
        self._video: LocalVideo
        self._writer: VideoWriter
        self._frames: Iterator[DecodedFrame] | None = None

    def run(self, request: Message) -> Message:
        methods: dict[str, Callable[[Message], Message]] = {
            "open": self._open,
            "next": self._next,
            "start": self._start,
            "write": self._write,
            "finish": self._finish,
        }
        return methods[request["do"]](request)

    def _open(self, request: Message) -> Message:
        # FFmpeg takes the name into account, too, when it guesses the format.
        opened = open(request["name"], "rb", opener=lambda *_: self._source_fd)  # noqa: SIM115
        source = self._reading.enter_context(opened)
        reader = self._reading.enter_context(read_video(source, self._limits))
        self._video = LocalVideo(reader, self._result)
        return self._facts() | {"expected_frames": self._video.expected_frames}

    def _next(self, request: Message) -> Message:
        if self._frames is None:
            self._frames = self._video.frames()
        frame = next(self._frames, None)
        if frame is None:
            return self._facts() | {"ticks": None}
        if request["place"] is not None:
            image = frame.to_bgr()
            self._memory.pixels(request["place"], *image.shape[:2])[:] = image
        return self._facts() | {"ticks": frame.ticks, "time_s": frame.time_s}

    def _start(self, request: Message) -> Message:
        size = to_size(request["size"])
        writer = self._video.writer(request["container"], size, keep_tags=request["keep_tags"])
        self._writer = self._writing.enter_context(writer)
        return {"left_out": self._writer.left_out}

    def _write(self, request: Message) -> Message:
        image = self._memory.pixels(request["place"], request["height"], request["width"])
        self._writer.write(request["ticks"], image)
        return {}

    def _finish(self, _: Message) -> Message:
        self._writing.close()
        return {"damaged": self._writer.damaged}

    def _facts(self) -> Message:
        return {"facts": facts_message(self._video.facts)}
