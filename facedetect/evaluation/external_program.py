"""External programs as detectors: one line of JSON in, one line of JSON out per image."""

from __future__ import annotations

import hashlib
import json
import os
import select
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, Self, cast

from pydantic import ValidationError, model_validator

from facedetect.detection_params import DetectionParams
from facedetect.errors import InvalidSettings
from facedetect.evaluation.dataset import LabelledImage
from facedetect.evaluation.image_detections import DetectionLists, ImageDetections
from facedetect.evaluation.json_validation import first_problem

DEFAULT_TIMEOUT_S = 300.0

_MAX_QUOTED_BYTES = 600
_GRACE_S = 5.0
_READ_BYTES = 2**16


class ExternalProgramAdapter:
    """A program as a detector; its process starts with the first image.

    The program reads lines such as `{"image": "/data/1.jpg", "min_size": 20, "factor": 0.709,
    "thresholds": [0.6, 0.7, 0.7]}` and answers each with one line, either `{"boxes": [[x1, y1, x2,
    y2]], "scores": [0.9], "landmarks": [[[x, y], ...five]]}` (px; landmarks may be null) or
    `{"error": "..."}`. If it exits, sends an invalid line or takes longer than `timeout_s`, the
    image fails and the process is restarted for the next one.

    Raises InvalidSettings if `command` cannot be parsed or its program is not found.
    """

    def __init__(self, name: str, command: str, *, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        self.name = name
        self._command = _split(command)
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._process: _ProgramProcess | None = None
        self.identity = ", ".join([command, *_hash_files(self._command)])

    def detect(self, image: LabelledImage, params: DetectionParams) -> ImageDetections:
        request = json.dumps({"image": str(image.path.absolute()), **asdict(params)})
        with self._lock:  # the program answers one request at a time
            started = time.perf_counter()
            try:
                answer = self._ask(request)
            except _ProgramError as error:
                seconds = time.perf_counter() - started
                return ImageDetections.failed(image.name, str(error), seconds)
            return ImageDetections(image.name, *answer.to_arrays(), time.perf_counter() - started)

    def close(self) -> None:
        """Stop the program."""
        if self._process is not None:
            self._process.stop(_GRACE_S)
            self._process = None

    def _ask(self, request: str) -> _ProgramAnswer:
        """Raises _ProgramError."""
        process = self._process or _ProgramProcess(self._command)
        self._process = None
        try:
            answer = _parse(process.ask(request, self._timeout_s))
        except BaseException:
            process.stop(grace_s=0)  # its next line might be the answer to this request
            raise
        self._process = process
        return _validate(answer)


class _ProgramError(Exception):
    """The program did not give a valid answer; the message says why."""


class _ProgramAnswer(DetectionLists):
    @model_validator(mode="after")
    def _check_corners(self) -> Self:
        if any(x_min > x_max or y_min > y_max for x_min, y_min, x_max, y_max in self.boxes):
            raise ValueError("max is below min; give boxes as x_min, y_min, x_max, y_max")
        return self


class _ProgramProcess:
    """A running program, in its own process group so that Ctrl-C does not reach it."""

    def __init__(self, command: list[str]) -> None:
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `stop`
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the user's own command
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                start_new_session=True,
            )
        except OSError as error:
            self._stderr.close()
            raise InvalidSettings(
                f"{command[0]} cannot be run: {error.strerror}; give a program, or a script whose "
                "first line names its interpreter"
            ) from error
        self._stdin = cast(IO[bytes], self._process.stdin)
        self._stdout = cast(IO[bytes], self._process.stdout)
        self._unread = b""

    def ask(self, request: str, timeout_s: float) -> bytes:
        """Send a line and wait for one; raises _ProgramError."""
        extra = self._read_line(0.0)
        if extra:  # it would be mistaken for the answer to this request
            raise _ProgramError(
                f"the program sent an extra line after its last answer: {_quote(extra)}"
            )
        with suppress(BrokenPipeError):  # it has exited; the missing answer will reveal it
            self._stdin.write(f"{request}\n".encode())
            self._stdin.flush()
        line = self._read_line(timeout_s)
        if line is None:
            raise _ProgramError(f"no answer within {timeout_s:g} s{self._stderr_end()}")
        if not line:
            raise _ProgramError(f"the program {self._exit_reason()}{self._stderr_end()}")
        return line

    def stop(self, grace_s: float) -> None:
        """Close its standard input, and kill it if it does not exit within `grace_s`."""
        with suppress(BrokenPipeError):
            self._stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(grace_s)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._stdout.close()
        self._stderr.close()

    def _read_line(self, timeout_s: float) -> bytes | None:
        """Return the next line of output, b"" at its end; None on timeout."""
        end = time.monotonic() + timeout_s
        while b"\n" not in self._unread:
            left_s = max(0.0, end - time.monotonic())
            if not select.select([self._stdout], [], [], left_s)[0]:
                return None
            output = os.read(self._stdout.fileno(), _READ_BYTES)
            if not output:
                return b""
            self._unread += output
        line, _, self._unread = self._unread.partition(b"\n")
        return line + b"\n"

    def _exit_reason(self) -> str:
        try:
            code = self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            return "closed its output"
        return f"exited with code {code}" if code >= 0 else f"was killed by signal {-code}"

    def _stderr_end(self) -> str:
        self._stderr.seek(max(0, self._stderr.seek(0, os.SEEK_END) - _MAX_QUOTED_BYTES))
        text = self._stderr.read().decode(errors="replace").strip()
        return f"; the end of its standard error: {text}" if text else ""


def _parse(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        raise _ProgramError(
            f"the answer is not JSON: {_quote(line)}; print only answers to standard output"
        ) from None


def _validate(answer: Any) -> _ProgramAnswer:
    if isinstance(answer, dict) and answer.get("error") is not None:
        raise _ProgramError(str(answer["error"]))
    try:
        return _ProgramAnswer.model_validate(answer)
    except ValidationError as error:
        raise _ProgramError(f"invalid answer: {first_problem(error)}") from error


def _quote(line: bytes) -> str:
    return repr(line[:_MAX_QUOTED_BYTES].decode(errors="replace"))


def _split(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise InvalidSettings(f"the command {command!r} cannot be parsed: {error}") from error
    if not words or shutil.which(words[0]) is None:
        raise InvalidSettings(
            f"the command {command!r} does not start with an installed program; give a "
            "program and its arguments, such as 'python my_detector.py'"
        )
    return words


def _hash_files(command: list[str]) -> Iterator[str]:
    """Hash the files named in the command: a changed script is another detector."""
    for word in command:
        if Path(word).is_file():
            with Path(word).open("rb") as file:
                yield hashlib.file_digest(file, "sha256").hexdigest()
