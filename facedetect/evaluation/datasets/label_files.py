"""Read label files: text, JSON and JSON Lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from facedetect.errors import InvalidDataset
from facedetect.evaluation.json_validation import first_problem

Model = TypeVar("Model", bound=BaseModel)

JSON_LINES_SUFFIX = ".jsonl"


def read_text(path: Path) -> str:
    """Raises InvalidDataset if the file cannot be read or is not UTF-8."""
    try:
        return path.read_text("utf-8-sig")  # drops a byte order mark
    except OSError as error:
        raise InvalidDataset(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidDataset(f"{path} is not UTF-8 text: {error}") from error


def read_json(path: Path) -> Any:
    """Raises InvalidDataset if the file cannot be read or is not JSON."""
    advice = f"; name a file with one JSON object per line *{JSON_LINES_SUFFIX}"
    return _parse(read_text(path), str(path), advice)


def read_json_lines(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield position, for error messages, and value of each non-empty line."""
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            place = f"{path}, line {number}"
            yield place, _parse(line, place)


def validate(model: type[Model], data: Any, place: str) -> Model:
    """Return `data` as `model`; raises InvalidDataset with the first problem."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise InvalidDataset(
            f"{place}: {first_problem(error)}; docs/evaluation.md shows the format"
        ) from error


def _parse(text: str, place: str, advice: str = "") -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidDataset(f"{place} is not JSON: {error}{advice}") from error
