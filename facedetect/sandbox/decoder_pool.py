"""The pool of decoder processes, and the pictures decoded in them."""

from __future__ import annotations

import json
import queue
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Self

from facedetect.cores import available_cores
from facedetect.crops import CropStyle
from facedetect.errors import InvalidImage
from facedetect.faces import Face
from facedetect.hiding import DEFAULT_MASK, Mask
from facedetect.images import BGRImage, ImageHeader, ImageLimits, Metadata, check_byte_count
from facedetect.sandbox.budget import Budget, faithful_budget, header_budget, picture_budget
from facedetect.sandbox.decoder_link import seconds_until
from facedetect.sandbox.decoder_slot import DecoderSlot
from facedetect.sandbox.fork_server_client import ForkServerClient
from facedetect.sandbox.protocol import Message, face_message, mask_message
from facedetect.sandbox.sandboxed_video import SandboxedVideo, open_sandboxed_video
from facedetect.sandbox.subject import IMAGE
from facedetect.styles import DrawnStyle

# Decoders that read headers, or keep pixels while the model runs elsewhere.
_MORE_THAN_CORES = 2


class DecoderPool:
    """Opens pictures in decoder processes, `size` at a time; safe to share between threads.

    A process that exceeds its budget, crashes or misses the deadline is killed, and replaced when
    the next picture needs one.
    """

    def __init__(self, size: int, limits: ImageLimits) -> None:
        self._limits = limits
        # As many as `FrameDetectionPool` holds, and one that is handed to it.
        self._frames_in_use = 2 * size + 1
        self._fork_server = ForkServerClient(limits)
        # Last in, first out: its memory is already mapped.
        self._free: queue.LifoQueue[DecoderSlot] = queue.LifoQueue()
        self._decoders = [DecoderSlot(self._fork_server, limits) for _ in range(size)]
        for decoder in self._decoders:
            self._free.put(decoder)

    def open(self, data: bytes, deadline: float | None = None) -> SandboxedPicture:
        """Open an image file once a decoder is free; `deadline` is a time of `time.monotonic`.

        Raises InvalidImage, UnsupportedImage or ImageTooLarge.
        """
        check_byte_count(len(data), self._limits)
        if not data:
            raise InvalidImage("the image is empty: 0 bytes")
        return SandboxedPicture(self, data, deadline)

    def open_video(
        self, path: Path, result: Path | None = None
    ) -> AbstractContextManager[SandboxedVideo]:
        """Open a video in a process of its own; see `Detector.open_video`."""
        return open_sandboxed_video(
            self._fork_server, path, result, self._limits, self._frames_in_use
        )

    def warm_up(self) -> None:
        """Start as many decoders as can work at the same time; others start on demand."""
        with ExitStack() as taken:
            for _ in range(min(self._free.qsize(), available_cores() + _MORE_THAN_CORES)):
                try:
                    decoder = self._free.get_nowait()
                except queue.Empty:  # the others are in use, so they have already started
                    break
                taken.callback(self.give_back, decoder)
                decoder.start()

    def close(self) -> None:
        """Kill all decoders; pictures that are still open fail."""
        self._fork_server.close()
        for decoder in self._decoders:
            decoder.close()

    def take(self, deadline: float | None) -> DecoderSlot:
        """Wait for a free decoder, to be returned with `give_back`.

        Raises ImageTooLarge at the deadline.
        """
        try:
            return self._free.get(timeout=seconds_until(deadline))
        except queue.Empty:
            raise IMAGE.late_error() from None

    def give_back(self, decoder: DecoderSlot) -> None:
        """Return a decoder to the pool."""
        self._free.put(decoder)


class SandboxedPicture:
    """A `Picture` whose decoding, drawing and encoding run in a decoder process."""

    def __init__(self, pool: DecoderPool, data: bytes, deadline: float | None) -> None:
        self._pool = pool
        self._data = data
        self._deadline = deadline
        self._decoder: DecoderSlot | None = None
        self._image: BGRImage | None = None
        answer, _ = self._open()
        width, height = answer["width"], answer["height"]
        self.header = ImageHeader(int(width), int(height), str(answer["format"]))
        self._budget = picture_budget(self.header, len(data))

    def suspend(self) -> None:
        if self._decoder is not None:
            self._close_decoder(self._decoder)

    def decode(self, *, keep_encoding: bool = False) -> BGRImage:
        if self._image is None:
            decoder = self._call({"do": "decode", "keep_encoding": keep_encoding})[1]
            self._image = decoder.memory.pixels(self.header.height, self.header.width)
        return self._image

    def draw(self, faces: Sequence[Face], style: DrawnStyle, mask: Mask = DEFAULT_MASK) -> None:
        drawn = {"faces": list(map(face_message, faces)), "mask": mask_message(mask)}
        data = json.dumps(drawn).encode()
        self._opened().memory.write_result(data)
        self._call({"do": "draw", "style": style, "bytes": len(data)})

    def encode(self, suffix: str, metadata: Metadata | None = None) -> bytes:
        request = {"do": "encode", "suffix": suffix, "metadata": metadata}
        if metadata is None:
            return self._result(request)
        return self._result(request, faithful_budget(self.header, len(self._data)))

    def crop(self, face: Face, style: CropStyle, suffix: str) -> bytes:
        return self._result(
            {"do": "crop", "face": face_message(face), "style": style, "suffix": suffix}
        )

    def thumbnail(self) -> bytes:
        return self._result({"do": "thumbnail"})

    def close(self) -> None:
        self._image = None
        self.suspend()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> tuple[Message, DecoderSlot]:
        """Take a decoder and send it the file."""
        decoder = self._decoder = self._pool.take(self._deadline)
        try:
            decoder.start()
        except OSError:
            self._close_decoder(decoder)
            raise
        decoder.memory.write_file(self._data)
        request = {"do": "open", "bytes": len(self._data)}
        return self._ask(decoder, request, header_budget(len(self._data))), decoder

    def _opened(self) -> DecoderSlot:
        return self._open()[1] if self._decoder is None else self._decoder

    def _call(self, request: Message, budget: Budget | None = None) -> tuple[Message, DecoderSlot]:
        decoder = self._opened()
        return self._ask(decoder, request, budget or self._budget), decoder

    def _result(self, request: Message, budget: Budget | None = None) -> bytes:
        answer, decoder = self._call(request, budget)
        return decoder.memory.read_result(int(answer["bytes"]))

    def _ask(self, decoder: DecoderSlot, request: Message, budget: Budget) -> Message:
        try:
            return decoder.ask(request, budget, self._deadline)
        except BaseException:
            self._close_decoder(decoder)
            raise

    def _close_decoder(self, decoder: DecoderSlot) -> None:
        self._decoder = None
        decoder.forget_picture()
        self._pool.give_back(decoder)
