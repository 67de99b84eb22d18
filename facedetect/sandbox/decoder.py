"""What all decoder processes do: drop their rights, then answer one request at a time."""

from __future__ import annotations

import ctypes
import gc
import json
import resource
import signal
import socket
import traceback
from abc import ABC, abstractmethod
from pathlib import Path

from facedetect.errors import FacedetectError
from facedetect.sandbox.protocol import MAX_MESSAGE_BYTES, Message, error_message
from facedetect.sandbox.subject import Subject

# From <sys/prctl.h>: die with the parent; no debugger access; no gain of privileges.
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_PROCESS_OPTIONS = (
    (_PR_SET_PDEATHSIG, signal.SIGKILL),
    (_PR_SET_DUMPABLE, 0),
    (_PR_SET_NO_NEW_PRIVS, 1),
)


class Decoder(ABC):
    """Answers requests about one file after the other."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._base_data = _data_bytes()

    @abstractmethod
    def run(self, request: Message) -> Message:
        """Carry out a request; raises any error."""

    def serve(self, socket_fd: int, *, may_write: bool = False) -> None:
        """Answer requests until the other side closes. Call it in a newly forked process."""
        _give_up_rights(may_write=may_write)
        with socket.socket(fileno=socket_fd) as requests:
            while message := requests.recv(MAX_MESSAGE_BYTES):
                requests.send(json.dumps(self._answer(json.loads(message))).encode())

    def _answer(self, request: Message) -> Message:
        """Carry out a request within its budget; report any error in the answer."""
        _limit(request["cpu_s"], self._base_data + request["memory"])
        try:
            return self.run(request)
        except MemoryError:
            what = f"{request['memory'] >> 20} MB of memory"
            return error_message(self._subject.over_budget_error(what))
        except FacedetectError as error:
            return error_message(error)
        except OSError as error:  # only results are written
            return {"errno": error.errno, "text": error.strerror}
        except Exception:  # noqa: BLE001 - a bug; the parent logs it
            return {"bug": traceback.format_exc()}
        finally:
            _limit(0, resource.RLIM_INFINITY)


def _limit(cpu_s: float, memory: int) -> None:
    """Limit CPU time from now on, 0 for no limit, and memory."""
    # The signal kills the process; unlike RLIMIT_CPU, the timer counts fractions of a second.
    signal.setitimer(signal.ITIMER_PROF, cpu_s)
    resource.setrlimit(resource.RLIMIT_DATA, (memory, resource.RLIM_INFINITY))


def _give_up_rights(*, may_write: bool) -> None:
    """Forbid new files and connections and core dumps, and die with the fork server.

    Only a decoder that `may_write` can make the files larger that it was given.
    """
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    for option, value in _PROCESS_OPTIONS:
        if prctl(option, value, 0, 0, 0):
            raise OSError(ctypes.get_errno(), f"prctl({option}) failed")
    for limit in (resource.RLIMIT_NOFILE, resource.RLIMIT_CORE):
        resource.setrlimit(limit, (0, 0))
    if not may_write:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    gc.freeze()  # imports are shared with all decoders: do not touch their pages


def _data_bytes() -> int:
    """Return this process's current size as RLIMIT_DATA counts it."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    return 0
