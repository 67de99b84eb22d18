"""The client of the fork server."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading

from facedetect.images import ImageLimits
from facedetect.sandbox.protocol import MAX_MESSAGE_BYTES

# A fork copies locks that other threads hold, but not the threads that would release them: a
# decoder that needs one hangs. Also, threads cost more than they gain for a single image.
_ONE_THREAD = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENCV_FOR_THREADS_NUM": "1",
}


class ForkServerClient:
    """The fork server: started with the first decoder, and restarted if it dies."""

    def __init__(self, limits: ImageLimits) -> None:
        self._limits = [limits.max_bytes, limits.max_pixels, limits.max_frames]
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def start(self, noun: str, fds: list[int]) -> int:
        """Start a decoder of images or videos, `fds[0]` its socket; returns its process id."""
        message = json.dumps({"of": noun, "limits": self._limits}).encode()
        with self._lock:
            control = self._running()
            socket.send_fds(control, [message], fds)
            return int(json.loads(self._answer(control))["pid"])

    def end(self, pid: int | None) -> int | None:
        """Kill a decoder; returns its exit code, or None if the fork server itself has died."""
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
        """Stop the fork server, and with it all decoders."""
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
            raise OSError("the fork server has died; see its output above")
        return answer
