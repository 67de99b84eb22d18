"""The process that starts decoders: it has imported what they need, so that each is a fork.

It runs one thread and never sees a stranger's byte. `DecoderPool` starts it, asks for decoders over
a socket, and lets it end when that socket is closed.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys

from facedetect.sandbox.decoder_process import rehearse, run_decoder
from facedetect.sandbox.protocol import MAX_MESSAGE_BYTES

_FDS_OF_A_DECODER = 2


def serve(control: socket.socket) -> None:
    """Start and end decoders as asked; return when the other side is gone.

    A request may name a decoder to end, `{"end": PID}`, and bring the socket and the shared memory
    of one to start. The answer has the exit status of the first and the process id of the second.
    """
    running: set[int] = set()
    try:
        while True:
            message, fds, _, _ = socket.recv_fds(control, MAX_MESSAGE_BYTES, _FDS_OF_A_DECODER)
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
    finally:
        for pid in running:
            _end(pid)


def _end(pid: int) -> int:
    """Kill a decoder if it still runs; return its exit code, minus a signal's number."""
    os.kill(pid, signal.SIGKILL)  # it is not reaped yet, so its number is no other process's
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def _fork(control: socket.socket, fds: list[int], request: dict[str, object]) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        control.close()
        socket_fd, memory_fd = fds
        run_decoder(socket_fd, memory_fd, request)
    finally:
        os._exit(0)


def main() -> None:
    """Serve the socket whose number is the only argument."""
    # Ctrl-C goes to all processes of a terminal: those that asked say when it is over.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    rehearse()
    serve(socket.socket(fileno=int(sys.argv[1])))


if __name__ == "__main__":
    main()
