"""What the OpenAPI document says of several calls."""

from __future__ import annotations

from typing import Any

from facedetect import errors
from facedetect.service.problems import documented
from facedetect.service.uploads import IMAGE_PART

BINARY = {"type": "string", "format": "binary"}


def form_of(image: dict[str, Any], *, others: dict[str, Any] | None = None) -> dict[str, Any]:
    """The content of a form with an image, or several; only one with `others` may have more."""
    schema = {
        "type": "object",
        "properties": {IMAGE_PART: image, **(others or {})},
        "required": [IMAGE_PART],
        "additionalProperties": others is not None,
    }
    return {"multipart/form-data": {"schema": schema}}


def body_of(content: dict[str, Any]) -> dict[str, Any]:
    """A route's `openapi_extra`: FastAPI does not know bodies that are read by hand."""
    return {"requestBody": {"required": True, "content": content}}


IMAGE_BODY = body_of(
    {
        **form_of(BINARY),
        "image/*": {"schema": BINARY},
        "application/octet-stream": {"schema": BINARY},
    }
)

IMAGE_PROBLEMS = documented(
    errors.InvalidImage,
    errors.Unauthorized,
    errors.Forbidden,
    errors.UploadTimeout,
    errors.ImageTooLarge,
    errors.UnsupportedImage,
    errors.InvalidParams,
    errors.Overloaded,
    errors.RateLimited,
    errors.BackendUnavailable,
    errors.ModelNotFound,
    errors.Stopping,
    errors.BackendTimeout,
    errors.BackendProtocolError,
    errors.FacedetectError,
)

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


def answered(example: dict[str, Any], description: str) -> dict[str, Any]:
    """The 200 of a call that answers JSON."""
    content = {"application/json": {"example": example}}
    return {"description": description, "content": content}
