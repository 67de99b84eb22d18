"""Rows: what is told about each file, ready to become JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import Any

from facedetect.faces import Detection, Landmarks

Row = dict[str, Any]

LANDMARKS = tuple(point.name for point in fields(Landmarks))


def found_row(name: str, found: Detection) -> Row:
    """An image that was looked at; no face is an empty list."""
    return {
        "file": name,
        "status": "ok",
        "width": found.width,
        "height": found.height,
        "faces": [asdict(face) for face in found.faces],
    }


def failed_row(name: str, error: Exception, message: str = "") -> Row:
    """A file that could not be looked at; `reason` is the error's class, its words the message."""
    reason, words = type(error).__name__, message or str(error)
    return {"file": name, "status": "failed", "reason": reason, "message": words}


def to_json_line(row: Row) -> str:
    """File names that are not UTF-8 become escapes, so that the line is valid JSON."""
    return json.dumps(row) + "\n"


def to_utf8(text: str) -> str:
    r"""Write the bytes of a file name that are not UTF-8 as \xe9, for formats that need UTF-8."""
    if text.isascii():
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
