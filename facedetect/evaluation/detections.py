"""What a detector answers about the pictures of a truth, and the file that keeps it."""

from __future__ import annotations

import fcntl
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from facedetect.errors import InvalidSettings
from facedetect.evaluation.truth import BoxArray, FloatArray

_KIND = "facedetect detections"
_HEAD = f'{{"kind": "{_KIND}"'

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Found:
    """One picture's answer.

    `image` is its name in the truth. `boxes` are [n, 4] px, most certain first, `scores` [n],
    `landmarks` [n, 5, 2] px. `error` says what prevented an answer: it counts as nothing found.
    """

    image: str
    boxes: BoxArray
    scores: NDArray[np.float64]
    landmarks: FloatArray | None
    seconds: float
    error: str | None = None


def nothing_found(image: str, error: str, seconds: float) -> Found:
    """The answer for a picture that there is no answer for."""
    return Found(image, np.zeros((0, 4)), np.zeros(0), None, seconds, error)


class DetectionsFile:
    """The answers of one run as JSON lines, each there once it is given: the run goes on from it.

    The first line holds `fingerprint`, of all that decides the answers. `found` has what earlier
    runs of that fingerprint answered, by the picture's name. A file of another fingerprint is begun
    anew, as the log says. Raises InvalidSettings if the file holds anything else.
    """

    def __init__(self, path: Path, fingerprint: str) -> None:
        self._path = path
        self._head = json.dumps({"kind": _KIND, "fingerprint": fingerprint})
        self.found: dict[str, Found] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a+b")
        try:
            self._lock()
            whole = self._read()
        except BaseException:
            self._file.close()
            raise
        self._file.truncate(whole)  # without a line that was cut as it was written
        if not whole:
            self._write(self._head)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, found: Found) -> None:
        """Keep an answer; it replaces an earlier one for the same picture."""
        self._write(to_line(found))
        self.found[found.image] = found

    def _lock(self) -> None:
        """Until the file is closed: the lines of two evaluations would mix."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InvalidSettings(
                f"another evaluation writes to {self._path}; wait for its end, or give another "
                "folder for the results"
            ) from error

    def _write(self, line: str) -> None:
        self._file.write(line.encode() + b"\n")
        self._file.flush()

    def _read(self) -> int:
        """Read the answers that are there; returns how many bytes of the file are to be kept."""
        self._file.seek(0)
        data = self._file.read()
        whole = data[: data.rfind(b"\n") + 1]
        lines = whole.splitlines()
        if not data.startswith(_HEAD.encode()[: len(data)]):
            raise self._unusable(1, "is none of a file of detections")
        if not lines:
            return 0
        if lines[0] != self._head.encode():
            logger.warning(
                "%s was of another detector, setting or truth, and is begun anew", self._path
            )
            return 0
        for number, line in enumerate(lines[1:], 2):
            try:
                found = from_line(line)
            except (ValueError, KeyError, TypeError) as error:
                raise self._unusable(number, "cannot be read") from error
            self.found[found.image] = found
        return len(whole)

    def _unusable(self, line: int, words: str) -> InvalidSettings:
        return InvalidSettings(
            f"{self._path}, line {line} {words}; remove the file, or give another folder for the "
            "results"
        )


def to_line(found: Found) -> str:
    """An answer as JSON without line breaks."""
    points = None if found.landmarks is None else found.landmarks.tolist()
    return json.dumps(
        {
            "image": found.image,
            "boxes": found.boxes.tolist(),
            "scores": found.scores.tolist(),
            "landmarks": points,
            "seconds": found.seconds,
            "error": found.error,
        }
    )


def from_line(line: str | bytes) -> Found:
    """Read what `to_line` wrote; raises ValueError, KeyError or TypeError for anything else."""
    row = json.loads(line)
    boxes, scores, landmarks = arrays_of(row)
    return Found(row["image"], boxes, scores, landmarks, row["seconds"], row["error"])


def arrays_of(row: dict[str, Any]) -> tuple[BoxArray, NDArray[np.float64], FloatArray | None]:
    """The `boxes`, `scores` and `landmarks` of an answer, most certain first.

    Raises ValueError, KeyError or TypeError if they are not numbers of fitting shapes.
    """
    boxes, scores = _array(row["boxes"], 4), _array(row["scores"])
    given = row.get("landmarks")
    points = None if given is None else _array(given, 5, 2)
    counts = {len(boxes), len(points) if points is not None else len(boxes)}
    if counts != {len(scores)}:
        raise ValueError(
            f"{len(boxes)} boxes, {len(scores)} scores and "
            f"{'no' if points is None else len(points)} landmarks; each face has one of all"
        )
    if not all(np.isfinite(array).all() for array in (boxes, scores, points) if array is not None):
        raise ValueError("numbers that are not finite")
    order = np.argsort(-scores, kind="stable")
    return boxes[order], scores[order], None if points is None else points[order]


def _array(values: Any, *sides: int) -> FloatArray:
    """Numbers of so many each, also when there is none."""
    array = np.array(values, np.float64)
    if not array.size:
        return array.reshape(0, *sides)
    if array.shape[1:] != sides or not array.ndim:
        wanted = ", ".join(map(str, ("n", *sides)))
        raise ValueError(f"numbers of the shape {array.shape}; it has to be ({wanted})")
    return array
