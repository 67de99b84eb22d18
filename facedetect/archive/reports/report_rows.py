"""Report rows: the result of one file as a JSON-compatible dict."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import Any

from facedetect.faces import Detection, Landmarks

Row = dict[str, Any]

RowReader = Callable[[], Iterable[Row]]
"""Reads all rows of a run from the start; every call returns the same rows in the same order."""

LANDMARKS = tuple(point.name for point in fields(Landmarks))


def found_row(name: str, found: Detection) -> Row:
    """Return the row of a processed image; without faces, `faces` is an empty list."""
    return {
        "file": name,
        "status": "ok",
        "width": found.width,
        "height": found.height,
        "faces": [face.to_dict() for face in found.faces],
    }


def failed_row(name: str, error: Exception, message: str = "") -> Row:
    """Return the row of a failed file; `reason` is the name of the error's class.

    `message` is the error's own unless given.
    """
    reason = type(error).__name__
    return {"file": name, "status": "failed", "reason": reason, "message": message or str(error)}


def to_json_line(row: Row) -> str:
    """Return the row as a line of ASCII; bytes of names that are not UTF-8 are escaped."""
    return json.dumps(row) + "\n"


def to_utf8(text: str) -> str:
    r"""Escape bytes of a name that are not UTF-8, as in `\xe9`, for formats that must be UTF-8."""
    if text.isascii():
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
