"""The pool of decoder processes, and pictures that are decoded in them."""

from __future__ import annotations

import json
import os
import queue
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from typing import Self

from facedetect.crops import CropStyle
from facedetect.errors import FacedetectError, ImageTooLarge, InvalidImage
from facedetect.faces import Face
from facedetect.images import BGRImage, ImageHeader, ImageLimits, Metadata, check_byte_count
from facedetect.render import Style
from facedetect.sandbox.budget import (
    Budget,
    faithful_budget,
    header_budget,
    over_budget_error,
    picture_budget,
)
from facedetect.sandbox.protocol import MAX_MESSAGE_BYTES, Message, face_message, to_error
from facedetect.sandbox.shared_memory import SharedMemory

# Longer than any budget of processor time takes on a busy machine.
_LONGEST_CALL_S = 600.0

# Libraries' own threads would make it unsafe to fork, and cost more than they bring for one image.
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


class DecoderPool:
    """Opens pictures in decoder processes, `size` at a time; safe to share between threads.

    A process that is over its budget, crashes or does not answer before the deadline is killed, and
    replaced when the next picture needs one.
    """

    def __init__(self, size: int, limits: ImageLimits) -> None:
        self._limits = limits
        self._fork_server = _ForkServer(limits)
        # The one used last is taken first: its memory is there.
        self._free: queue.LifoQueue[_DecoderSlot] = queue.LifoQueue()
        self._decoders = [_DecoderSlot(self._fork_server, limits) for _ in range(size)]
        for decoder in self._decoders:
            self._free.put(decoder)

    def open(self, data: bytes, deadline: float | None = None) -> SandboxedPicture:
        """Open an image file once a decoder is free; all ends at that time of `time.monotonic`.

        Raises InvalidImage, UnsupportedImage or ImageTooLarge.
        """
        check_byte_count(len(data), self._limits)
        if not data:
            raise InvalidImage("the image is empty: 0 bytes")
        return SandboxedPicture(self, data, deadline)

    def warm_up(self) -> None:
        """Start all decoders, which the first pictures wait for otherwise."""
        with ExitStack() as taken:
            while not self._free.empty():
                decoder = self.take(time.monotonic())
                taken.callback(self.give_back, decoder)
                decoder.start()

    def close(self) -> None:
        """End all decoders; pictures that are still open fail."""
        self._fork_server.close()
        for decoder in self._decoders:
            decoder.close()

    def take(self, deadline: float | None) -> _DecoderSlot:
        """Take a free decoder, to be given back; raises ImageTooLarge after the deadline."""
        try:
            return self._free.get(timeout=_seconds_until(deadline))
        except queue.Empty:
            raise _deadline_error() from None

    def give_back(self, decoder: _DecoderSlot) -> None:
        """Let the next picture have a decoder."""
        self._free.put(decoder)


class SandboxedPicture:
    """A `Picture` that is decoded, drawn and encoded in a decoder process."""

    def __init__(self, pool: DecoderPool, data: bytes, deadline: float | None) -> None:
        self._pool = pool
        self._data = data
        self._deadline = deadline
        self._decoder: _DecoderSlot | None = None
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

    def draw(self, faces: Sequence[Face], style: Style) -> None:
        data = json.dumps(list(map(face_message, faces))).encode()
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

    def _open(self) -> tuple[Message, _DecoderSlot]:
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

    def _opened(self) -> _DecoderSlot:
        return self._open()[1] if self._decoder is None else self._decoder

    def _call(self, request: Message, budget: Budget | None = None) -> tuple[Message, _DecoderSlot]:
        decoder = self._opened()
        return self._ask(decoder, request, budget or self._budget), decoder

    def _result(self, request: Message, budget: Budget | None = None) -> bytes:
        answer, decoder = self._call(request, budget)
        return decoder.memory.read_result(int(answer["bytes"]))

    def _ask(self, decoder: _DecoderSlot, request: Message, budget: Budget) -> Message:
        try:
            return decoder.ask(request, budget, self._deadline)
        except BaseException:
            self._close_decoder(decoder)
            raise

    def _close_decoder(self, decoder: _DecoderSlot) -> None:
        self._decoder = None
        decoder.forget_picture()
        self._pool.give_back(decoder)


class _DecoderSlot:
    """One place of the pool: its memory, and the process that has it now, if there is one."""

    def __init__(self, fork_server: _ForkServer, limits: ImageLimits) -> None:
        self.memory = SharedMemory.create(limits)
        self._fork_server = fork_server
        self._socket: socket.socket | None = None
        self._pid: int | None = None

    def start(self) -> None:
        """Start a process unless one is running; raises OSError if none can be started."""
        if self._socket is not None and _is_closed(self._socket):
            self.kill()
        if self._socket is None:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                self._pid = self._fork_server.start(theirs, self.memory)
            self._socket = ours

    def ask(self, request: Message, budget: Budget, deadline: float | None) -> Message:
        """Send a request and wait for its answer; raises ImageError's subclasses.

        Raises RuntimeError for a bug in the decoder's own code.
        """
        limits = {"cpu_s": budget.cpu_s, "memory": budget.memory}
        answer = b""
        try:
            if self._socket is not None:
                self._socket.settimeout(_seconds_until(deadline))
                self._socket.send(json.dumps(request | limits).encode())
                answer = self._socket.recv(MAX_MESSAGE_BYTES)
        except TimeoutError:
            self.kill()
            raise _deadline_error() from None
        except OSError:
            pass  # it has ended
        if not answer:
            raise _error_of(self.kill(), budget)
        message = json.loads(answer)
        if "error" in message:
            raise to_error(message)
        if "bug" in message:
            raise RuntimeError(message["bug"])
        return dict(message)

    def forget_picture(self) -> None:
        """Make ready for the next picture."""
        if self._socket is not None:
            with suppress(FacedetectError):
                self.ask({"do": "close"}, _CLOSE_BUDGET, time.monotonic() + _CLOSE_S)
        self.memory.give_back()

    def kill(self) -> int | None:
        """End the process; returns its exit code, minus a signal's number."""
        if self._socket is None:
            return None
        self._socket.close()
        self._socket = None
        return self._fork_server.end(self._pid)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self.memory.close()


_CLOSE_BUDGET = Budget(2.0, 64 * 2**20)
_CLOSE_S = 10.0


class _ForkServer:
    """The process that decoders are forked from; started with the first, and again if it ends."""

    def __init__(self, limits: ImageLimits) -> None:
        self._limits = [limits.max_bytes, limits.max_pixels, limits.max_frames]
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def start(self, theirs: socket.socket, memory: SharedMemory) -> int:
        """Start a decoder with this end of a socket; returns its process id."""
        message = json.dumps({"limits": self._limits}).encode()
        with self._lock:
            control = self._running()
            socket.send_fds(control, [message], [theirs.fileno(), memory.fd])
            return int(json.loads(self._answer(control))["pid"])

    def end(self, pid: int | None) -> int | None:
        """End a decoder; returns its exit code, None if this process has ended itself."""
        with self._lock:
            if self._control is None:
                return None
            try:
                self._control.send(json.dumps({"end": pid}).encode())
                status = json.loads(self._answer(self._control))["status"]
            except (OSError, ValueError):
                return None
            return None if status is None else int(status)

    def close(self) -> None:
        """End the process, and with it all decoders."""
        with self._lock:
            if self._control is not None and self._process is not None:
                self._control.close()
                self._process.wait()
                self._control = self._process = None

    def _running(self) -> socket.socket:
        if self._control is not None and self._process is not None and self._process.poll() is None:
            return self._control
        if self._control is not None:
            self._control.close()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", "facedetect.sandbox.fork_server", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=os.environ | _ONE_THREAD,
            )
        self._control = ours
        return ours

    @staticmethod
    def _answer(control: socket.socket) -> bytes:
        answer = control.recv(MAX_MESSAGE_BYTES)
        if not answer:
            raise OSError("the process that starts decoders has ended; see its output above")
        return answer


def _is_closed(connection: socket.socket) -> bool:
    """Whether the other side of an idle connection is gone."""
    poll = select.poll()  # takes any file descriptor, unlike select
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


def _error_of(exit_code: int | None, budget: Budget) -> FacedetectError:
    """The error of a picture whose decoder has ended."""
    match exit_code:
        case code if code == -signal.SIGPROF:
            return over_budget_error(f"{budget.cpu_s:.1f} s of processor time")
        case None | 0:
            return InvalidImage("the image was not decoded: its decoder was ended; send it again")
        case code if code == -signal.SIGKILL:  # by the kernel: out of memory
            return over_budget_error("the memory there is")
    return InvalidImage(
        f"the image makes its decoder crash (signal {-exit_code}); save it again with another "
        "program"
    )


def _deadline_error() -> ImageTooLarge:
    return ImageTooLarge(
        "the image was not processed before the request's deadline; scale it down, or send it again"
    )


def _seconds_until(deadline: float | None) -> float:
    if deadline is None:
        return _LONGEST_CALL_S
    return max(0.001, deadline - time.monotonic())
