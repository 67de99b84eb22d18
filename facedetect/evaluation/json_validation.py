"""Types and error messages for JSON that users provide."""

from __future__ import annotations

import json
from typing import Annotated

from pydantic import Field, ValidationError

from facedetect.evaluation.dataset import MAX_COORDINATE_PX

Coordinate = Annotated[
    float, Field(allow_inf_nan=False, ge=-MAX_COORDINATE_PX, le=MAX_COORDINATE_PX)
]
Coordinates = tuple[Coordinate, Coordinate]
Corners = tuple[Coordinate, Coordinate, Coordinate, Coordinate]

_MAX_INPUT_LENGTH = 60


def first_problem(error: ValidationError) -> str:
    """Describe the first validation error: the field, its value and what is wrong."""
    problem = error.errors()[0]
    field = ".".join(map(str, problem["loc"])) or "the value"
    given = json.dumps(problem["input"])
    if len(given) > _MAX_INPUT_LENGTH:
        given = f"{given[:_MAX_INPUT_LENGTH]}..."
    return f"{field} is {given}: {problem['msg']}"
