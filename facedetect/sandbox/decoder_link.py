"""The connection to one decoder process."""

from __future__ import annotations

import json
import select
import socket
import time
from contextlib import suppress

from facedetect.sandbox.budget import Budget
from facedetect.sandbox.fork_server_client import ForkServerClient
from facedetect.sandbox.protocol import MAX_MESSAGE_BYTES, Message, to_error
from facedetect.sandbox.subject import Subject

# Longer than any CPU budget takes on a busy machine.
_LONGEST_CALL_S = 600.0


class DecoderLink:
    """Starts a decoder process, asks it and kills it; safe to use again after each `kill`.

    `fds` are the files that it gets, besides the connection.
    """

    def __init__(self, fork_server: ForkServerClient, subject: Subject, fds: list[int]) -> None:
        self._fork_server = fork_server
        self._subject = subject
        self._fds = fds
        self._socket: socket.socket | None = None
        self._pid: int | None = None

    def start(self) -> None:
        """Start a process unless one is running; raises OSError if it cannot be started."""
        if self._socket is not None and _is_closed(self._socket):
            self.kill()
        if self._socket is None:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                fds = [theirs.fileno(), *self._fds]
                self._pid = self._fork_server.start(self._subject.noun, fds)
            self._socket = ours

    @property
    def is_running(self) -> bool:
        """Whether a process was started and not killed since."""
        return self._socket is not None

    def ask(self, request: Message, budget: Budget, deadline: float | None) -> Message:
        """Send a request and wait for its answer; raises what `receive` raises."""
        self.send(request, budget)
        return self.receive(budget, deadline)

    def send(self, request: Message, budget: Budget) -> None:
        """Send a request; an error is raised when its answer is received."""
        limits = {"cpu_s": budget.cpu_s, "memory": budget.memory}
        if self._socket is not None:
            with suppress(OSError):  # the process has ended
                self._socket.send(json.dumps(request | limits).encode())

    def receive(self, budget: Budget, deadline: float | None) -> Message:
        """Wait for the next answer; raises ImageError's subclasses.

        Raises RuntimeError for a bug in the decoder's own code, and OSError for a result that
        cannot be written.
        """
        answer = b""
        try:
            if self._socket is not None:
                self._socket.settimeout(seconds_until(deadline))
                answer = self._socket.recv(MAX_MESSAGE_BYTES)
        except TimeoutError:
            self.kill()
            raise self._subject.late_error() from None
        except OSError:
            pass  # the process has ended
        if not answer:
            raise self._subject.error_of(self.kill(), budget)
        message = json.loads(answer)
        if "error" in message:
            raise to_error(message)
        if "errno" in message:
            raise OSError(message["errno"], message["text"])
        if "bug" in message:
            raise RuntimeError(message["bug"])
        return dict(message)

    def kill(self) -> int | None:
        """Kill the process; returns its exit code, negative for a signal."""
        if self._socket is None:
            return None
        self.hang_up()
        return self._fork_server.end(self._pid)

    def hang_up(self) -> None:
        """Close the connection; the process ends at its next request."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


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
