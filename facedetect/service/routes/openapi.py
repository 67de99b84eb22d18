"""Parts of the OpenAPI document that several endpoints share."""

from __future__ import annotations

from typing import Any

from facedetect import errors
from facedetect.service.problems import KINDS, ProblemKind, ProblemResponse
from facedetect.service.uploads import IMAGE_PART

BINARY = {"type": "string", "format": "binary"}
_RETRY_STATUSES = {429, 503}
_RETRY_AFTER = {
    "description": "Seconds to wait before retrying.",
    "required": True,
    "schema": {"type": "integer", "minimum": 1},
}


def form_content(
    image: dict[str, Any], *, other_parts: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return the content of a form; it may have unlisted parts only if it has `other_parts`."""
    schema = {
        "type": "object",
        "properties": {IMAGE_PART: image, **(other_parts or {})},
        "required": [IMAGE_PART],
        "additionalProperties": other_parts is not None,
    }
    return {"multipart/form-data": {"schema": schema}}


def request_body(content: dict[str, Any]) -> dict[str, Any]:
    """Return a route's `openapi_extra`: FastAPI knows nothing of bodies that the route reads."""
    return {"requestBody": {"required": True, "content": content}}


def json_response(example: dict[str, Any], description: str) -> dict[str, Any]:
    """Return the documentation of a JSON response."""
    return {"description": description, "content": {"application/json": {"example": example}}}


def problem_responses(
    *error_types: type[errors.FacedetectError],
) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that may raise these errors, with an example of each."""
    by_status: dict[int, list[ProblemKind]] = {}
    for kind in dict.fromkeys(map(KINDS.__getitem__, error_types)):
        by_status.setdefault(kind.status, []).append(kind)
    return {status: _problem_response(kinds) for status, kinds in sorted(by_status.items())}


def _problem_response(kinds: list[ProblemKind]) -> dict[str, Any]:
    content = {
        "schema": {"$ref": "#/components/schemas/Problem"},
        "examples": {
            kind.slug: {"summary": kind.title, "value": kind.problem(kind.example).model_dump()}
            for kind in kinds
        },
    }
    response: dict[str, Any] = {
        "description": "; ".join(kind.title for kind in kinds),
        "content": {ProblemResponse.media_type: content},
    }
    if kinds[0].status in _RETRY_STATUSES:
        response["headers"] = {"Retry-After": _RETRY_AFTER}
    return response


IMAGE_BODY = request_body(
    {
        **form_content(BINARY),
        "image/*": {"schema": BINARY},
        "application/octet-stream": {"schema": BINARY},
    }
)

IMAGE_PROBLEMS = problem_responses(*KINDS)

DETECTION_EXAMPLE: dict[str, Any] = {
    "image": {"width": 512, "height": 512},
    "faces": [
        {
            "box": {"x_min": 179.5, "y_min": 58.3, "x_max": 267.6, "y_max": 173.8},
            "confidence": 0.9999,
            "landmarks": {
                "left_eye": {"x": 203.4, "y": 107.1},
                "right_eye": {"x": 242.7, "y": 103.5},
                "nose": {"x": 225.9, "y": 128.0},
                "mouth_left": {"x": 209.1, "y": 146.6},
                "mouth_right": {"x": 243.9, "y": 143.4},
            },
        }
    ],
    "parameters": {"min_size": 20.0, "factor": 0.709, "thresholds": [0.6, 0.7, 0.7]},
    "model": {"name": "mtcnn", "version": 1},
    "timings_ms": {"decode": 2.1, "queue": 0.0, "predict": 21.8, "total": 24.2},
}
