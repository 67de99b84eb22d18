"""Report rows: the result of one file as a dict that can become JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, fields
from typing import Any

from facedetect.faces import Detection, Landmarks

Row = dict[str, Any]

RowReader = Callable[[], Iterable[Row]]
"""Reads all rows of a run from the start; the same rows in the same order at each call."""

LANDMARKS = tuple(point.name for point in fields(Landmarks))


def found_row(name: str, found: Detection) -> Row:
    """Return the row of an image that was processed; without faces, `faces` is an empty list."""
    return {
        "file": name,
        "status": "ok",
        "width": found.width,
        "height": found.height,
        "faces": [asdict(face) for face in found.faces],
    }


def failed_row(name: str, error: Exception, message: str = "") -> Row:
    """Return the row of a file that failed: `reason` is the name of the error's class.

    `message` is the error's own unless another one is given.
    """
    reason = type(error).__name__
    return {"file": name, "status": "failed", "reason": reason, "message": message or str(error)}


def to_json_line(row: Row) -> str:
    """Return the row as a line of ASCII: file names that are not UTF-8 become escapes."""
    return json.dumps(row) + "\n"


def to_utf8(text: str) -> str:
    r"""Replace bytes of a file name that are not UTF-8 by `\xe9`, for formats that need UTF-8."""
    if text.isascii():
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
