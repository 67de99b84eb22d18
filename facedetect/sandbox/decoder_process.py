"""The decoder process: it drops its rights, then answers one request at a time."""

from __future__ import annotations

import ctypes
import gc
import json
import resource
import signal
import socket
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from facedetect.errors import FacedetectError
from facedetect.faces import Box, Face, Landmarks, Point
from facedetect.images import ENCODED_SUFFIXES, ImageLimits, encode_image
from facedetect.images.formats import load_plugins
from facedetect.images.pixels import new_pixels
from facedetect.memory import give_back_freed, keep_freed_buffers
from facedetect.picture import LocalPicture
from facedetect.sandbox.budget import Budget, over_budget_error
from facedetect.sandbox.protocol import MAX_MESSAGE_BYTES, Message, error_message, to_face, to_mask
from facedetect.sandbox.shared_memory import SharedMemory

# From <sys/prctl.h>: die with the parent; no debugger access; no gain of privileges.
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_PROCESS_OPTIONS = (
    (_PR_SET_PDEATHSIG, signal.SIGKILL),
    (_PR_SET_DUMPABLE, 0),
    (_PR_SET_NO_NEW_PRIVS, 1),
)

# Files of this size: their memory is released afterwards.
_LARGE_PIXELS = 5_000_000
_LARGE_BYTES = 4 * 2**20


def rehearse() -> None:
    """Run every decoder once, to import what they can no longer open afterwards."""
    Image.init()
    load_plugins()
    point = Point(1, 1)
    face = Face(Box(0, 0, 8, 8), 1.0, Landmarks(point, point, point, point, point))
    for suffix in ENCODED_SUFFIXES:
        data = encode_image(new_pixels(64, 64), suffix)
        with LocalPicture(data, ImageLimits()) as picture:
            picture.draw([face], "box")
            picture.encode(suffix, "keep")
            picture.crop(face, "aligned", suffix)
            picture.thumbnail()


def run_decoder(socket_fd: int, memory_fd: int, settings: dict[str, Any]) -> None:
    """Answer requests until the other side closes. Call it in a newly forked process."""
    limits = ImageLimits(*settings["limits"])
    memory = SharedMemory(memory_fd, limits)
    decoder = _Decoder(memory, limits)
    keep_freed_buffers()
    _give_up_rights()
    with socket.socket(fileno=socket_fd) as requests:
        while message := requests.recv(MAX_MESSAGE_BYTES):
            requests.send(json.dumps(decoder.answer(json.loads(message))).encode())


def _give_up_rights() -> None:
    """Forbid new files and connections and core dumps, and die with the fork server."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    for option, value in _PROCESS_OPTIONS:
        if prctl(option, value, 0, 0, 0):
            raise OSError(ctypes.get_errno(), f"prctl({option}) failed")
    for limit in (resource.RLIMIT_NOFILE, resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        resource.setrlimit(limit, (0, 0))
    gc.freeze()  # imports are shared with all decoders: do not touch their pages


class _Decoder:
    """Holds the open picture and answers requests about it."""

    def __init__(self, memory: SharedMemory, limits: ImageLimits) -> None:
        self._memory = memory
        self._limits = limits
        self._picture: LocalPicture | None = None
        self._file_bytes = 0
        self._base_data = _data_bytes()

    def answer(self, request: Message) -> Message:
        """Carry out a request within its budget; report any error in the answer."""
        self._keep_to(Budget(request["cpu_s"], request["memory"]))
        try:
            return self._run(request)
        except MemoryError:
            return error_message(over_budget_error(f"{request['memory'] >> 20} MB of memory"))
        except FacedetectError as error:
            return error_message(error)
        except Exception:  # noqa: BLE001 - a bug; the parent logs it
            return {"bug": traceback.format_exc()}
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)

    def _keep_to(self, budget: Budget) -> None:
        # The signal kills the process; unlike RLIMIT_CPU, the timer counts fractions of a second.
        signal.setitimer(signal.ITIMER_PROF, budget.cpu_s)
        most = self._base_data + budget.memory
        resource.setrlimit(resource.RLIMIT_DATA, (most, resource.RLIM_INFINITY))

    def _run(self, request: Message) -> Message:
        methods: dict[str, Callable[[Message], Message]] = {
            "open": self._open,
            "decode": self._decode,
            "draw": self._draw,
            "encode": self._encode,
            "crop": self._crop,
            "thumbnail": self._thumbnail,
            "close": self._close,
        }
        return methods[request["do"]](request)

    def _open(self, request: Message) -> Message:
        self._file_bytes = request["bytes"]
        data = self._memory.read_file(self._file_bytes)
        self._picture = LocalPicture(data, self._limits, self._memory.pixels)
        header = self._picture.header
        return {"width": header.width, "height": header.height, "format": header.format}

    def _decode(self, request: Message) -> Message:
        self._opened().decode(keep_encoding=request["keep_encoding"])
        return {}

    def _draw(self, request: Message) -> Message:
        drawn = json.loads(self._memory.read_result(request["bytes"]))
        faces = list(map(to_face, drawn["faces"]))
        self._opened().draw(faces, request["style"], to_mask(drawn["mask"]))
        return {}

    def _encode(self, request: Message) -> Message:
        return self._result(self._opened().encode(request["suffix"], request["metadata"]))

    def _crop(self, request: Message) -> Message:
        face = to_face(request["face"])
        return self._result(self._opened().crop(face, request["style"], request["suffix"]))

    def _thumbnail(self, _: Message) -> Message:
        return self._result(self._opened().thumbnail())

    def _opened(self) -> LocalPicture:
        if self._picture is None:
            raise AssertionError("no picture is open")
        return self._picture

    def _result(self, data: bytes) -> Message:
        self._memory.write_result(data)
        return {"bytes": len(data)}

    def _close(self, _: Message) -> Message:
        is_large = self._file_bytes > _LARGE_BYTES
        if self._picture is not None:
            is_large |= self._picture.header.pixel_count > _LARGE_PIXELS
            self._picture.close()
            self._picture = None
        if is_large:
            give_back_freed()
        return {}


def _data_bytes() -> int:
    """Return this process's current size as RLIMIT_DATA counts it."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    return 0
