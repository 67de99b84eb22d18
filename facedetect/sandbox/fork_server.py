"""The process that forks decoders; it has already imported what they need.

It has a single thread and never sees untrusted data. `DecoderPool` starts it and requests decoders
over a socket; it exits when that socket is closed.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Callable

from facedetect.images import ImageLimits
from facedetect.sandbox.picture_decoder import decode_pictures, rehearse
from facedetect.sandbox.protocol import MAX_MESSAGE_BYTES, Message
from facedetect.sandbox.subject import VIDEO

_MAX_FDS = 4


def serve(control: socket.socket) -> None:
    """Start and kill decoders on request; return when the other side closes the socket.

    A request may name a decoder to kill, `{"end": PID}`, and carry the socket and files of one to
    start. The answer has the exit status of the former and the process id of the latter.
    """
    running: set[int] = set()
    try:
        while True:
            message, fds, _, _ = socket.recv_fds(control, MAX_MESSAGE_BYTES, _MAX_FDS)
            if not message:
                return
            request = json.loads(message)
            status = None
            if (ended := request.get("end")) in running:
                status = _end(ended)
                running.discard(ended)
            pid = None
            if fds:
                pid = _fork(control, fds, request)
                running.add(pid)
                for fd in fds:
                    os.close(fd)
            control.send(json.dumps({"status": status, "pid": pid}).encode())
    except ConnectionError:  # the other side has ended while a decoder was starting
        return
    finally:
        for pid in running:
            _end(pid)


def _end(pid: int) -> int:
    """Kill a decoder if it is still running; return its exit code, negative for a signal."""
    os.kill(pid, signal.SIGKILL)  # not reaped yet, so its PID cannot have been reused
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def _fork(control: socket.socket, fds: list[int], request: Message) -> int:
    decode = _decoder_of(request)
    pid = os.fork()
    if pid:
        return pid
    try:
        control.close()
        decode(ImageLimits(*request["limits"]), *fds)
    finally:
        os._exit(0)


def _decoder_of(request: Message) -> Callable[..., None]:
    """Return what the new process runs; the first video imports PyAV, which images do not need."""
    if request["of"] == VIDEO.noun:
        from facedetect.sandbox.video_decoder import decode_video, prepare

        prepare()
        return decode_video
    return decode_pictures


def main() -> None:
    """Serve the socket whose file descriptor is the only argument."""
    # Ctrl-C reaches every process of the terminal; only the parent decides when this one ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    rehearse()
    serve(socket.socket(fileno=int(sys.argv[1])))


if __name__ == "__main__":
    main()
