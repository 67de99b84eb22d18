"""The file that keeps a run's detections, so that an interrupted run can resume."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from facedetect.errors import InvalidSettings
from facedetect.evaluation.image_detections import ImageDetections, from_json_line, to_json_line
from facedetect.files import lock_file

_KIND = {"kind": "facedetect detections"}
_START = json.dumps(_KIND)[:-1].encode()  # the start of every header

logger = logging.getLogger(__name__)


class DetectionsFile:
    """A JSON Lines file: a header, then the detections of one image per line.

    `run` is everything that determines the detections; it is stored in the header. `detections` has
    the file's contents by image name. A file of another `run` is overwritten, with a warning in the
    log. Raises InvalidSettings if the file is not a detections file, is damaged, or is in use by
    another process.
    """

    def __init__(self, path: Path, run: Mapping[str, Any]) -> None:
        self._path = path
        self._header = json.dumps({**_KIND, **run}).encode()
        self.detections: dict[str, ImageDetections] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a+b")
        try:
            self._lock()
            valid_bytes = self._read()
        except BaseException:
            self._file.close()
            raise
        self._file.truncate(valid_bytes)  # drops a partial last line
        if not valid_bytes:
            self._write(self._header)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, detections: ImageDetections) -> None:
        """Append an image's detections, which replace earlier ones of the same image."""
        self._write(to_json_line(detections).encode())
        self.detections[detections.image] = detections

    def _lock(self) -> None:
        """Lock the file until it is closed, so that two processes do not mix their lines."""
        try:
            lock_file(self._file.fileno(), wait=False)
        except BlockingIOError as error:
            raise InvalidSettings(
                f"another evaluation is writing to {self._path}; wait for it to finish, or use "
                "another output folder"
            ) from error

    def _write(self, line: bytes) -> None:
        self._file.write(line + b"\n")
        self._file.flush()

    def _read(self) -> int:
        """Read the detections; returns how many bytes of the file are valid."""
        self._file.seek(0)
        content = self._file.read()
        if not content.startswith(_START[: len(content)]):
            raise self._unusable("is not a detections file")
        end = content.rfind(b"\n") + 1
        header, *lines = content[:end].splitlines() or [b""]
        if header != self._header:
            if header:
                logger.warning(
                    "%s belongs to another detector, setting or dataset; starting over", self._path
                )
            return 0
        for number, line in enumerate(lines, 2):
            try:
                detections = from_json_line(line)
            except ValueError as error:
                raise self._unusable(f"is damaged at line {number}") from error
            self.detections[detections.image] = detections
        return end

    def _unusable(self, problem: str) -> InvalidSettings:
        return InvalidSettings(f"{self._path} {problem}; delete it, or use another output folder")
