"""What is told about each image: one JSON object a line, and a summary of all."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from facedetect.faces import Detection

Row = dict[str, Any]


def found_row(name: str, found: Detection) -> Row:
    """An image that was looked at; no face is an empty list."""
    return {
        "image": name,
        "status": "ok",
        "width": found.width,
        "height": found.height,
        "faces": [asdict(face) for face in found.faces],
    }


def failed_row(name: str, error: Exception) -> Row:
    """An image that could not be looked at; `reason` is the error's class."""
    reason = type(error).__name__
    return {"image": name, "status": "failed", "reason": reason, "message": str(error)}


def to_json_line(row: Row) -> str:
    """File names that are not UTF-8 become escapes, so that the line is valid JSON."""
    return json.dumps(row) + "\n"


@dataclass
class Summary:
    """Counts over the rows of one run."""

    images: int = 0
    faces: int = 0
    without_face: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    interrupted: bool = False

    @property
    def failed(self) -> int:
        return self.failures.total()

    def add(self, row: Row) -> None:
        if row["status"] == "failed":
            self.failures[row["reason"]] += 1
            return
        self.images += 1
        self.faces += len(row["faces"])
        self.without_face += not row["faces"]
