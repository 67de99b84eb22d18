"""JSON and JSON lines, and what is wrong in them in words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, Field, ValidationError

from facedetect.errors import InvalidDataset
from facedetect.evaluation.datasets.lines import read_text
from facedetect.evaluation.truth import FARTHEST

Number = Annotated[float, Field(allow_inf_nan=False, ge=-FARTHEST, le=FARTHEST)]

Model = TypeVar("Model", bound=BaseModel)

LINES = ".jsonl"
"""How a file of a row a line is named."""

_SHOWN = 60


def read_json(path: Path) -> Any:
    """Raises InvalidDataset, with the line, if the file cannot be read or is no JSON."""
    return _parse(read_text(path), str(path), f"; a row a line goes into a file named *{LINES}")


def read_json_lines(path: Path) -> Iterator[tuple[str, Any]]:
    """Each line's value, with the words for where it stands; empty lines are passed over."""
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            where = f"{path}, line {number}"
            yield where, _parse(line, where)


def validated(model: type[Model], data: Any, where: str) -> Model:
    """The value as `model`; raises InvalidDataset with what is wrong first, and what was given."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        problem = error.errors()[0]
        field = ".".join(map(str, problem["loc"])) or "it"
        given = json.dumps(problem["input"])
        given = given if len(given) <= _SHOWN else f"{given[:_SHOWN]}..."
        raise InvalidDataset(
            f"{where}: {field} is {given}: {problem['msg']}; docs/evaluation.md shows what is taken"
        ) from error


def _parse(text: str, where: str, advice: str = "") -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidDataset(f"{where} is not JSON: {error}{advice}") from error
