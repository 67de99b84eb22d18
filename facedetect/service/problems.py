"""Errors as RFC 9457 problem details, `application/problem+json`."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from facedetect import errors
from facedetect.service.request_context import current_request

logger = logging.getLogger(__name__)

_TYPE_PREFIX = "urn:facedetect:problem:"
_UNAVAILABLE_RETRY_S = 5
_SEE_LOG = "see the service's log"


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str


class ProblemResponse(JSONResponse):
    """A Problem with the status that it states."""

    media_type = "application/problem+json"

    def __init__(self, problem: Problem, headers: dict[str, str] | None = None) -> None:
        super().__init__(problem.model_dump(), problem.status, headers)


@dataclass(frozen=True)
class ProblemKind:
    """How a class of errors is reported; `example` is a detail, for the documentation."""

    status: int
    slug: str
    title: str
    example: str = ""

    def problem(self, detail: str) -> Problem:
        """Return a problem of this kind."""
        return Problem(
            type=_TYPE_PREFIX + self.slug, title=self.title, status=self.status, detail=detail
        )


_BUG = ProblemKind(500, "internal", "Internal error", _SEE_LOG)
_INVALID_IMAGE = ProblemKind(400, "invalid-image", "Invalid image", "the image is empty: 0 bytes")
_MODEL_UNAVAILABLE = ProblemKind(
    503,
    "backend-unavailable",
    "Model unavailable",
    "the model is still loading; retry in a few seconds",
)

KINDS: dict[type[errors.FacedetectError], ProblemKind] = {
    errors.FacedetectError: _BUG,
    errors.ImageError: _INVALID_IMAGE,
    errors.InvalidImage: _INVALID_IMAGE,
    errors.UnsupportedImage: ProblemKind(
        415,
        "unsupported-image",
        "Unsupported format",
        "the bytes are no image in a supported format; send JPEG or PNG",
    ),
    errors.ImageTooLarge: ProblemKind(
        413,
        "image-too-large",
        "Image too large",
        "the image has 20000x20000 = 400000000 pixels, more than the 50000000 allowed; "
        "scale it down",
    ),
    errors.InvalidParams: ProblemKind(
        422, "invalid-params", "Invalid parameters", "min_size must be at least 8; it is 2"
    ),
    errors.ServiceError: _BUG,
    errors.Unauthorized: ProblemKind(
        401,
        "unauthorized",
        "API key required",
        "missing API key; send it as `X-API-Key: KEY` or as `Authorization: Bearer KEY`",
    ),
    errors.Forbidden: ProblemKind(
        403,
        "forbidden",
        "Origin or host not allowed",
        "cross-origin request from https://elsewhere.example; add the origin to "
        "FACEDETECT_CORS_ORIGINS to allow it",
    ),
    errors.Stopping: ProblemKind(
        503,
        "stopping",
        "Service shutting down",
        "the service is shutting down and did not finish this request; retry it",
    ),
    errors.UploadTimeout: ProblemKind(
        408,
        "upload-timeout",
        "Upload timed out",
        "received only 4096 bytes of the body in 60 s; send a smaller image, or use a "
        "faster connection",
    ),
    errors.Overloaded: ProblemKind(
        429, "overloaded", "Service overloaded", "100 images are already waiting; retry in 7 s"
    ),
    errors.RateLimited: ProblemKind(
        429,
        "rate-limited",
        "Rate limit exceeded",
        "rate limit of 600 per 1 minute exceeded; retry in 12 s",
    ),
    errors.BackendError: _MODEL_UNAVAILABLE,
    errors.BackendUnavailable: _MODEL_UNAVAILABLE,
    errors.ModelNotFound: ProblemKind(
        503, "model-not-found", "Model not found", "the model server has no version 9 of mtcnn"
    ),
    errors.BackendTimeout: ProblemKind(
        504, "backend-timeout", "Model timed out", "the model did not answer before the deadline"
    ),
    errors.BackendProtocolError: ProblemKind(
        502,
        "backend-protocol-error",
        "Invalid response from the model",
        "model mtcnn returned no float32 prob; is it an MTCNN model?",
    ),
    # Caused by the operator's files and settings, never by a request.
    errors.InvalidVideo: _BUG,
    errors.UnsupportedVideo: _BUG,
    errors.InvalidDataset: _BUG,
    errors.InvalidSettings: _BUG,
    errors.ModelError: _BUG,
    errors.InvalidModel: _BUG,
    errors.OutputExists: _BUG,
}


def problem_kind(error: errors.FacedetectError) -> ProblemKind:
    """Return the kind of problem that an error is reported as."""
    return KINDS.get(type(error), _BUG)


def report_problem(error: errors.FacedetectError) -> Problem:
    """Return the problem for the client; log what clients must not see, and record the error."""
    kind = problem_kind(error)
    current_request().errors.append(error)
    if kind is _BUG:
        logger.error("an error that no request should cause", exc_info=error)
        return kind.problem(_SEE_LOG)
    if isinstance(error, errors.BackendError):
        logger.warning("%s", errors.format_with_notes(error))
    error.with_traceback(None)  # its frames would keep the image as long as the error
    return kind.problem(str(error))


def problem_headers(error: errors.FacedetectError) -> dict[str, str]:
    """Return the headers that belong to a response with this error."""
    match error:
        case errors.Overloaded():
            return {"Retry-After": str(math.ceil(error.retry_after_s))}
        case errors.BackendUnavailable() | errors.Stopping():
            return {"Retry-After": str(_UNAVAILABLE_RETRY_S)}
        case errors.Unauthorized():
            return {"WWW-Authenticate": "Bearer"}
    return {}


def problem_response(error: errors.FacedetectError) -> ProblemResponse:
    """Report an error and return the response to its request."""
    return ProblemResponse(report_problem(error), problem_headers(error))


def to_invalid_params(error: RequestValidationError) -> errors.InvalidParams:
    """Convert FastAPI's error for an invalid query."""
    return errors.InvalidParams("; ".join(map(_describe, error.errors())))


def _describe(problem: dict[str, Any]) -> str:
    """Describe one of pydantic's validation errors in a line."""
    name = ".".join(map(str, problem["loc"][1:]))
    if problem["type"] == "extra_forbidden":
        return f"{name} is not a parameter of this endpoint; see /docs"
    return f"{name} is {problem['input']!r}: {problem['msg']}"


async def _answer_facedetect_error(_: Request, error: errors.FacedetectError) -> Response:
    return problem_response(error)


async def _answer_validation_error(_: Request, error: RequestValidationError) -> Response:
    return problem_response(to_invalid_params(error))


async def _answer_http_exception(request: Request, error: HTTPException) -> Response:
    phrase = HTTPStatus(error.status_code).phrase
    kind = ProblemKind(error.status_code, phrase.lower().replace(" ", "-"), phrase)
    detail = f"{error.detail}: {request.method} {request.url.path}; /docs lists the endpoints"
    return ProblemResponse(kind.problem(detail), dict(error.headers or {}))


async def _answer_disconnect(_: Request, __: ClientDisconnect) -> Response:
    return Response(status_code=400)  # nobody reads it


async def answer_bug(_: Request, __: Exception) -> Response:
    """Handle an exception that is none of ours; Starlette raises it again for uvicorn's log."""
    return ProblemResponse(_BUG.problem(_SEE_LOG))


PROBLEM_HANDLERS: dict[int | type[Exception], Callable[..., Coroutine[Any, Any, Response]]] = {
    errors.FacedetectError: _answer_facedetect_error,
    RequestValidationError: _answer_validation_error,
    HTTPException: _answer_http_exception,
    ClientDisconnect: _answer_disconnect,
}
"""For FastAPI's `exception_handlers`. Bugs are not among them: see `answer_bug`."""
