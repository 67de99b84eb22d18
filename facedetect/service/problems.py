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
from fastapi.responses import Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from facedetect import errors
from facedetect.service.json_line import JSONLine
from facedetect.service.request_context import current_request
from facedetect.service.root_path import path_in_service

logger = logging.getLogger(__name__)

ReportableError = errors.FacedetectError | RequestValidationError
"""FastAPI raises the second for queries that do not match the schema."""

_TYPE_PREFIX = "urn:facedetect:problem:"
_UNAVAILABLE_RETRY_S = 5
_CAMERA_PREFIX = "/v1/"
_SEE_LOG = "see the service's log"


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str


class CameraFailure(BaseModel):
    """What went wrong, as DeepStack reports it."""

    success: bool = False
    error: str
    duration: int = 0


def camera_failure(status: int, error: str, headers: dict[str, str]) -> JSONLine:
    """Return the response to a failed DeepStack call."""
    return JSONLine(CameraFailure(error=error).model_dump(), status, headers)


class ProblemResponse(JSONLine):
    """A Problem, sent with its own status."""

    media_type = "application/problem+json"

    def __init__(self, problem: Problem, headers: dict[str, str] | None = None) -> None:
        super().__init__(problem.model_dump(), problem.status, headers)


@dataclass(frozen=True)
class ProblemKind:
    """How a class of errors is reported."""

    status: int
    slug: str
    title: str

    @property
    def label(self) -> str:
        """The slug as Prometheus writes it."""
        return self.slug.replace("-", "_")

    def problem(self, detail: str) -> Problem:
        """Return a problem of this kind."""
        return Problem(
            type=_TYPE_PREFIX + self.slug, title=self.title, status=self.status, detail=detail
        )


_BUG = ProblemKind(500, "internal", "Internal error")
_INVALID_IMAGE = ProblemKind(400, "invalid-image", "Invalid image")
_UNSUPPORTED_IMAGE = ProblemKind(415, "unsupported-image", "Unsupported format")
_MODEL_UNAVAILABLE = ProblemKind(503, "backend-unavailable", "Model unavailable")

KINDS: dict[type[errors.FacedetectError], ProblemKind] = {
    errors.FacedetectError: _BUG,
    errors.ImageError: _INVALID_IMAGE,
    errors.InvalidImage: _INVALID_IMAGE,
    errors.UnsupportedImage: _UNSUPPORTED_IMAGE,
    errors.UnsupportedEncoding: _UNSUPPORTED_IMAGE,
    errors.ImageTooLarge: ProblemKind(413, "image-too-large", "Image too large"),
    errors.InvalidParams: ProblemKind(422, "invalid-params", "Invalid parameters"),
    errors.ServiceError: _BUG,
    errors.Unauthorized: ProblemKind(401, "unauthorized", "API key required"),
    errors.Forbidden: ProblemKind(403, "forbidden", "Origin or host not allowed"),
    errors.Stopping: ProblemKind(503, "stopping", "Service shutting down"),
    errors.UploadTimeout: ProblemKind(408, "upload-timeout", "Upload timed out"),
    errors.Overloaded: ProblemKind(429, "overloaded", "Service overloaded"),
    errors.RateLimited: ProblemKind(429, "rate-limited", "Rate limit exceeded"),
    errors.BackendError: _MODEL_UNAVAILABLE,
    errors.BackendUnavailable: _MODEL_UNAVAILABLE,
    errors.ModelNotFound: ProblemKind(503, "model-not-found", "Model not found"),
    errors.BackendTimeout: ProblemKind(504, "backend-timeout", "Model timed out"),
    errors.BackendProtocolError: ProblemKind(
        502, "backend-protocol-error", "Invalid response from the model"
    ),
    # Caused by the operator's files and settings, never by requests.
    errors.InvalidVideo: _BUG,
    errors.UnsupportedVideo: _BUG,
    errors.InvalidDataset: _BUG,
    errors.InvalidSettings: _BUG,
    errors.ModelError: _BUG,
    errors.InvalidModel: _BUG,
    errors.OutputExists: _BUG,
}


def problem_kind(error: errors.FacedetectError) -> ProblemKind:
    """Return the kind of problem that reports an error."""
    return KINDS.get(type(error), _BUG)


def report_problem(error: ReportableError) -> Problem:
    """Return the problem for the client; record the error, and log what clients must not see."""
    if isinstance(error, RequestValidationError):
        error = errors.InvalidParams("; ".join(map(_describe, error.errors())))
    kind = problem_kind(error)
    current_request().errors.append(error)
    if kind is _BUG:
        logger.error("an error that no request should cause", exc_info=error)
        return kind.problem(_SEE_LOG)
    if isinstance(error, errors.BackendError):
        logger.warning("%s", errors.format_with_notes(error))
    error.with_traceback(None)  # its frames would keep the image in memory as long as the error
    return kind.problem(str(error))


def problem_headers(error: ReportableError) -> dict[str, str]:
    """Return the headers of a response with this error."""
    match error:
        case errors.Overloaded():
            return {"Retry-After": str(math.ceil(error.retry_after_s))}
        case errors.BackendUnavailable() | errors.Stopping():
            return {"Retry-After": str(_UNAVAILABLE_RETRY_S)}
        case errors.Forbidden(origin=str(origin)):
            return {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
        case errors.Unauthorized():
            return {"WWW-Authenticate": "Bearer"}
        case errors.UnsupportedEncoding():
            return {"Accept-Encoding": "identity"}  # RFC 9110, section 15.5.16
    return {}


def problem_response(error: ReportableError) -> ProblemResponse:
    """Report an error and return its response."""
    return ProblemResponse(report_problem(error), problem_headers(error))


def _describe(problem: dict[str, Any]) -> str:
    """Describe a pydantic validation error in one line."""
    name = ".".join(map(str, problem["loc"][1:]))
    if problem["type"] == "extra_forbidden":
        return f"{name} is not a parameter of this endpoint; see /docs"
    return f"{name} is {repr(problem['input'])[:100]}: {problem['msg']}"


async def _answer_error(_: Request, error: ReportableError) -> Response:
    return problem_response(error)


async def _answer_http_exception(request: Request, error: HTTPException) -> Response:
    phrase = HTTPStatus(error.status_code).phrase
    kind = ProblemKind(error.status_code, phrase.lower().replace(" ", "-"), phrase)
    detail = f"{error.detail}: {request.method} {request.url.path}; /docs lists the endpoints"
    headers = dict(error.headers or {})
    if headers.get("Allow") == "GET":
        headers["Allow"] = "GET, HEAD"  # of which routes know nothing: see HeadAsGet
    if path_in_service(request.scope).startswith(_CAMERA_PREFIX):
        return camera_failure(error.status_code, detail, headers)
    return ProblemResponse(kind.problem(detail), headers)


async def _answer_disconnect(_: Request, __: ClientDisconnect) -> Response:
    return Response(status_code=400)  # nobody reads it


async def answer_bug(_: Request, __: Exception) -> Response:
    """Handle an unexpected exception; Starlette raises it again for uvicorn's log."""
    return ProblemResponse(_BUG.problem(_SEE_LOG))


PROBLEM_HANDLERS: dict[int | type[Exception], Callable[..., Coroutine[Any, Any, Response]]] = {
    errors.FacedetectError: _answer_error,
    RequestValidationError: _answer_error,
    HTTPException: _answer_http_exception,
    ClientDisconnect: _answer_disconnect,
}
"""FastAPI's `exception_handlers`, except for bugs: see `answer_bug`."""
