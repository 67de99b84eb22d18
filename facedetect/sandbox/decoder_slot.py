"""One slot of the decoder pool, filled by one process after the other."""

from __future__ import annotations

import json
import select
import signal
import socket
import time
from contextlib import suppress

from facedetect.errors import FacedetectError, ImageTooLarge, InvalidImage
from facedetect.images import ImageLimits
from facedetect.sandbox.budget import Budget, over_budget_error
from facedetect.sandbox.fork_server_client import ForkServerClient
from facedetect.sandbox.protocol import MAX_MESSAGE_BYTES, Message, to_error
from facedetect.sandbox.shared_memory import SharedMemory

# Longer than any CPU budget takes on a busy machine.
_LONGEST_CALL_S = 600.0

_CLOSE_BUDGET = Budget(2.0, 64 * 2**20)
_CLOSE_S = 10.0


class DecoderSlot:
    """One slot of the pool: its memory, and its current process, if there is one."""

    def __init__(self, fork_server: ForkServerClient, limits: ImageLimits) -> None:
        self.memory = SharedMemory.create(limits)
        self._fork_server = fork_server
        self._socket: socket.socket | None = None
        self._pid: int | None = None

    def start(self) -> None:
        """Start a process unless one is running; raises OSError if it cannot be started."""
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
                self._socket.settimeout(seconds_until(deadline))
                self._socket.send(json.dumps(request | limits).encode())
                answer = self._socket.recv(MAX_MESSAGE_BYTES)
        except TimeoutError:
            self.kill()
            raise deadline_error() from None
        except OSError:
            pass  # the process has ended
        if not answer:
            raise _error_of(self.kill(), budget)
        message = json.loads(answer)
        if "error" in message:
            raise to_error(message)
        if "bug" in message:
            raise RuntimeError(message["bug"])
        return dict(message)

    def forget_picture(self) -> None:
        """Get ready for the next picture."""
        if self._socket is not None:
            with suppress(FacedetectError):
                self.ask({"do": "close"}, _CLOSE_BUDGET, time.monotonic() + _CLOSE_S)
        self.memory.give_back()

    def kill(self) -> int | None:
        """Kill the process; returns its exit code, negative for a signal."""
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


def deadline_error() -> ImageTooLarge:
    """Return the error for an image that misses its deadline."""
    return ImageTooLarge(
        "the image was not processed before the request's deadline; scale it down, or send it again"
    )


def seconds_until(deadline: float | None) -> float:
    """Return the time left until a time of `time.monotonic`, s."""
    if deadline is None:
        return _LONGEST_CALL_S
    return max(0.001, deadline - time.monotonic())


def _is_closed(connection: socket.socket) -> bool:
    """Return whether the other side has closed an idle connection."""
    poll = select.poll()  # accepts any file descriptor, unlike select
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


def _error_of(exit_code: int | None, budget: Budget) -> FacedetectError:
    """Return the error of a picture whose decoder has died."""
    match exit_code:
        case code if code == -signal.SIGPROF:
            return over_budget_error(f"{budget.cpu_s:.1f} s of CPU time")
        case None | 0:
            return InvalidImage(
                "the image was not decoded: its decoder process was killed; send it again"
            )
        case code if code == -signal.SIGKILL:  # by the kernel: out of memory
            return over_budget_error("the available memory")
    return InvalidImage(
        f"the image crashes its decoder (signal {-exit_code}); save it again with another program"
    )
