"""Parts of the OpenAPI document that several endpoints share."""

from __future__ import annotations

from typing import Any

from facedetect import errors
from facedetect.service.accept import JSON
from facedetect.service.problems import KINDS, ProblemResponse
from facedetect.service.uploads import IMAGE_PART

BINARY = {"type": "string", "format": "binary"}
_RETRY_STATUSES = {429, 503}
_RETRY_AFTER = {
    "description": "Seconds to wait before retrying.",
    "required": True,
    "schema": {"type": "integer", "minimum": 1},
}

# The detail of a problem, for each error that a request can cause.
_EXAMPLES: dict[type[errors.FacedetectError], str] = {
    errors.InvalidImage: "the image is empty: 0 bytes",
    errors.Unauthorized: "unknown API key; ask the operator of the service for one",
    errors.Forbidden: "host 'elsewhere.example' is not allowed; FACEDETECT_ALLOWED_HOSTS lists the "
    "allowed hosts",
    errors.UploadTimeout: "received only 4096 bytes of the body in 60 s; send a smaller image, or "
    "use a faster connection",
    errors.ImageTooLarge: "the image has 20000x20000 = 400000000 pixels, more than the 50000000 "
    "allowed; scale it down",
    errors.UnsupportedImage: "the file is not an image in a supported format; send JPEG or PNG",
    errors.InvalidParams: "min_size must be at least 8; it is 2",
    errors.Overloaded: "100 images are already waiting; retry in 7 s",
    errors.RateLimited: "rate limit of 600 per 1 minute exceeded; retry in 12 s",
    errors.FacedetectError: "see the service's log",
    errors.BackendProtocolError: "model mtcnn returned no float32 prob; is it an MTCNN model?",
    errors.BackendUnavailable: "the model is loading; try again in a few seconds",
    errors.ModelNotFound: "the model server does not serve mtcnn version 9",
    errors.Stopping: "the service is shutting down and did not finish this request; retry it",
    errors.BackendTimeout: "the model did not answer before the deadline",
}


def example_problem(error_type: type[errors.FacedetectError]) -> dict[str, Any]:
    """Return a problem as JSON."""
    return KINDS[error_type].problem(_EXAMPLES[error_type]).model_dump()


def form_content(
    image: dict[str, Any], *, other_parts: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return the content of a form; it may have unlisted parts only if it has `other_parts`."""
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {IMAGE_PART: image, **(other_parts or {})},
        "required": [IMAGE_PART],
    }
    if other_parts is None:
        schema["additionalProperties"] = False
    return {"multipart/form-data": {"schema": schema}}


def request_body(content: dict[str, Any], description: str = "") -> dict[str, Any]:
    """Return a route's `openapi_extra`: FastAPI knows nothing of bodies that the route reads."""
    body = {"required": True, "content": content}
    return {"requestBody": {"description": description, **body} if description else body}


def json_response(example: dict[str, Any], description: str) -> dict[str, Any]:
    """Return the documentation of a JSON response."""
    return {"description": description, "content": {JSON: {"example": example}}}


def problem_responses(
    *error_types: type[errors.FacedetectError],
) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that may raise these errors, with an example of each."""
    by_status: dict[int, list[dict[str, Any]]] = {}
    for problem in map(example_problem, error_types):
        by_status.setdefault(problem["status"], []).append(problem)
    return {status: _problem_response(status, by_status[status]) for status in sorted(by_status)}


def _problem_response(status: int, problems: list[dict[str, Any]]) -> dict[str, Any]:
    content = {
        "schema": {"$ref": "#/components/schemas/Problem"},
        "examples": {problem["title"]: {"value": problem} for problem in problems},
    }
    response: dict[str, Any] = {
        "description": "; ".join(problem["title"] for problem in problems),
        "content": {ProblemResponse.media_type: content},
    }
    if status in _RETRY_STATUSES:
        response["headers"] = {"Retry-After": _RETRY_AFTER}
    return response


# JSON is not among the documented content: generators of clients would take it in place of forms.
IMAGE_BODY = request_body(
    {
        **form_content(BINARY),
        "application/octet-stream": {"schema": BINARY},
    },
    "Or `application/json`: the query's parameters, and the image in base64 or as a `data:` URL: "
    '`{"image": "/9j/4AAQ...", "min_size": 40}`.',
)

IMAGE_PROBLEMS = problem_responses(*_EXAMPLES)

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
            "roll_deg": -4.8,
        }
    ],
    "parameters": {
        "min_size": 20.0,
        "factor": 0.709,
        "thresholds": [0.6, 0.7, 0.7],
        "min_confidence": 0.0,
        "rotations": [0],
        "looks": 1,
    },
    "model": {"name": "mtcnn", "version": 1},
    "timings_ms": {"decode": 2.1, "queue": 0.0, "predict": 21.8, "total": 24.2},
}
