"""Programs that find faces: a JSON request a line in, a JSON answer a line out."""

from __future__ import annotations

import hashlib
import json
import os
import queue
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from facedetect.errors import InvalidSettings
from facedetect.evaluation.detections import Found, arrays_of, nothing_found
from facedetect.evaluation.truth import FARTHEST, BoxArray, FloatArray, LabelledImage
from facedetect.faces import DetectionParams

DEFAULT_TIMEOUT_S = 300.0

_TOLD_BYTES = 600
_GRACE_S = 5.0


class ExternalSubject:
    """A program, given by the words of its command; it is started with the first picture.

    It reads lines as `{"image": "/data/1.jpg", "min_size": 20, "factor": 0.709,
    "thresholds": [0.6, 0.7, 0.7]}` and answers each with one line, `{"boxes": [[x1, y1, x2, y2]],
    "scores": [0.9], "landmarks": [[[x, y], ...five]]}` (px, landmarks may be null) or
    `{"error": "..."}`. One that ends, or says nothing for `timeout_s`, has no answer for that
    picture, and is started again for the next one. Raises InvalidSettings if there is no command.
    """

    def __init__(self, name: str, command: str, *, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        self.name = name
        self._words = _split(command)
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._program: _Program | None = None
        self.identity = f"{command}{_digest_of_files(self._words)}"

    def detect(self, image: LabelledImage, params: DetectionParams) -> Found:
        request = json.dumps({"image": str(image.path.absolute()), **asdict(params)})
        with self._lock:  # it answers one at a time
            started = time.perf_counter()
            try:
                answer = self._ask(request)
                seconds = time.perf_counter() - started
                return Found(image.name, *_checked(answer), seconds)
            except _NoAnswer as error:
                words = str(error)
            except (ValueError, KeyError, TypeError) as error:
                words = f"the answer is not as it must be: {error!r}"
            return nothing_found(image.name, words, time.perf_counter() - started)

    def close(self) -> None:
        """End the program."""
        if self._program is not None:
            self._program.end(_GRACE_S)
            self._program = None

    def _ask(self, request: str) -> Any:
        program = self._program or _Program(self._words)
        self._program = None
        try:
            answer = _parse(program.answer_to(request, self._timeout_s))
        except BaseException:
            program.end(grace_s=0)  # its next line might be the answer to this request
            raise
        self._program = program
        if isinstance(answer, dict) and answer.get("error") is not None:
            raise _NoAnswer(str(answer["error"]))
        return answer


class _NoAnswer(Exception):
    """Nothing was answered; the words say why."""


class _Program:
    """A process under work, in a group of its own, so that Ctrl-C is this process' alone."""

    def __init__(self, words: list[str]) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `end`
        try:
            self._process = subprocess.Popen(  # noqa: S603 - what the user has asked for
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                start_new_session=True,
            )
        except OSError as error:
            raise InvalidSettings(
                f"{words[0]} cannot be run: {error.strerror}; is it a program, or a script whose "
                "first line names one?"
            ) from error
        self._requests = cast(IO[bytes], self._process.stdin)
        self._lines: queue.Queue[bytes] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def answer_to(self, request: str, timeout_s: float) -> bytes:
        """Send a line and wait for the answer's; raises _NoAnswer."""
        self._check_silent()
        with suppress(BrokenPipeError):  # it has ended, as the missing answer tells
            self._requests.write(f"{request}\n".encode())
            self._requests.flush()
        try:
            line = self._lines.get(timeout=timeout_s)
        except queue.Empty:
            raise _NoAnswer(f"no answer within {timeout_s:g} s{self._last_words()}") from None
        if not line.endswith(b"\n"):
            raise _NoAnswer(f"the program {self._ending()}{self._last_words()}")
        return line

    def _check_silent(self) -> None:
        """What is said unasked would be taken for the answer to the next request."""
        with suppress(queue.Empty):
            line = self._lines.get_nowait()
            if line.endswith(b"\n"):
                raise _NoAnswer(f"more than a line was answered before, {_told(line)}")
            self._lines.put(line)  # it has ended, as `answer_to` will tell

    def end(self, grace_s: float) -> None:
        """Close its input, and kill it if it goes on for so long."""
        with suppress(BrokenPipeError):
            self._requests.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(grace_s)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join(_GRACE_S)
        self._errors.close()

    def _read(self) -> None:
        """Queue what it says; a line without an end is the last one."""
        with cast(IO[bytes], self._process.stdout) as answers:
            for line in answers:
                self._lines.put(line)
        self._lines.put(b"")

    def _ending(self) -> str:
        try:
            code = self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            return "closed its output"
        return f"ended with exit code {code}" if code >= 0 else f"was ended by signal {-code}"

    def _last_words(self) -> str:
        self._errors.seek(max(0, self._errors.seek(0, os.SEEK_END) - _TOLD_BYTES))
        words = self._errors.read().decode(errors="replace").strip()
        return f"; its last words: {words}" if words else ""


def _parse(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        raise _NoAnswer(
            f"the answer is not JSON but {_told(line)}; standard output is for answers alone"
        ) from None


def _told(line: bytes) -> str:
    return repr(line[:_TOLD_BYTES].decode(errors="replace"))


def _checked(answer: dict[str, Any]) -> tuple[BoxArray, NDArray[np.float64], FloatArray | None]:
    """Raises ValueError, KeyError or TypeError for an answer that cannot be right."""
    boxes, scores, points = arrays_of(answer)
    if (boxes[:, 2:] < boxes[:, :2]).any():
        raise ValueError("a box that ends before it begins; it takes x_min, y_min, x_max, y_max")
    if any((np.abs(array) > FARTHEST).any() for array in (boxes, points) if array is not None):
        raise ValueError(f"a place farther than {FARTHEST:g} px from the picture's corner")
    return boxes, scores, points


def _split(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise InvalidSettings(f"the command {command!r} cannot be read: {error}") from error
    if not words or shutil.which(words[0]) is None:
        raise InvalidSettings(
            f"the command {command!r} names no program that can be run; give one, with its "
            "arguments, such as 'python my_detector.py'"
        )
    return words


def _digest_of_files(words: list[str]) -> str:
    """Of the files among a command's words: another script is another detector."""
    files = [Path(word) for word in words if Path(word).is_file()]
    if not files:
        return ""
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return f", {digest.hexdigest()}"
