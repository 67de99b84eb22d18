"""Errors as RFC 9457 problem details, `application/problem+json`."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from facedetect import errors
from facedetect.service.request_context import current_request

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
_TYPE_PREFIX = "urn:facedetect:problem:"
_UNAVAILABLE_FOR_S = 5.0
_SEE_LOG = "see the service's log"


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = Field(examples=[f"{_TYPE_PREFIX}invalid-image"])
    title: str = Field(examples=["The image cannot be used"])
    status: int = Field(examples=[400])
    detail: str = Field(examples=["the image is empty: 0 bytes"])


@dataclass(frozen=True)
class ProblemKind:
    """How one class of errors shows."""

    status: HTTPStatus
    slug: str
    title: str
    example: str = ""


_RETRIED = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
_RETRY_AFTER = {
    "description": "Seconds after which to come again.",
    "required": True,
    "schema": {"type": "integer", "minimum": 1},
}

_BUG = ProblemKind(
    HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "An error inside the service", _SEE_LOG
)

KINDS: dict[type[errors.FacedetectError], ProblemKind] = {
    errors.FacedetectError: _BUG,
    errors.ImageError: ProblemKind(
        HTTPStatus.BAD_REQUEST,
        "invalid-image",
        "The image cannot be used",
        "the image is empty: 0 bytes",
    ),
    errors.InvalidImage: ProblemKind(
        HTTPStatus.BAD_REQUEST,
        "invalid-image",
        "The image cannot be used",
        "the image is empty: 0 bytes",
    ),
    errors.UnsupportedImage: ProblemKind(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "unsupported-image",
        "The format is not supported",
        "the bytes are no image in a supported format; send JPEG or PNG",
    ),
    errors.ImageTooLarge: ProblemKind(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "image-too-large",
        "The image is too large",
        "the image has 20000x20000 = 400000000 pixels, more than the 50000000 allowed; "
        "scale it down",
    ),
    errors.InvalidParams: ProblemKind(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "invalid-params",
        "The parameters cannot be used",
        "min_size must be at least 8; it is 2",
    ),
    errors.ServiceError: _BUG,
    errors.Unauthorized: ProblemKind(
        HTTPStatus.UNAUTHORIZED,
        "unauthorized",
        "An API key is needed",
        "missing API key; send it as `X-API-Key: KEY` or as `Authorization: Bearer KEY`",
    ),
    errors.Forbidden: ProblemKind(
        HTTPStatus.FORBIDDEN,
        "forbidden",
        "The origin or host is not allowed",
        "cross-origin request from https://elsewhere.example; add the origin to "
        "FACEDETECT_CORS_ORIGINS to allow it",
    ),
    errors.Stopping: ProblemKind(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "stopping",
        "The service is being stopped",
        "the service was stopped before it could answer; send the request again",
    ),
    errors.UploadTimeout: ProblemKind(
        HTTPStatus.REQUEST_TIMEOUT,
        "upload-timeout",
        "The upload took too long",
        "4096 bytes came in 60 s, and not the whole body; send a smaller image",
    ),
    errors.Overloaded: ProblemKind(
        HTTPStatus.TOO_MANY_REQUESTS,
        "overloaded",
        "The service has more work than it can do",
        "100 images are waiting already; come again in 7 s",
    ),
    errors.RateLimited: ProblemKind(
        HTTPStatus.TOO_MANY_REQUESTS,
        "rate-limited",
        "Too many requests from one caller",
        "rate limit of 600 per 1 minute exceeded; retry in 12 s",
    ),
    errors.BackendError: ProblemKind(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "backend-unavailable",
        "The model is not available",
        "the model is still loading; try again in some seconds",
    ),
    errors.BackendUnavailable: ProblemKind(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "backend-unavailable",
        "The model is not available",
        "the model is still loading; try again in some seconds",
    ),
    errors.ModelNotFound: ProblemKind(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "model-not-found",
        "The model is not there",
        "the model server has no version 9 of mtcnn",
    ),
    errors.BackendTimeout: ProblemKind(
        HTTPStatus.GATEWAY_TIMEOUT,
        "backend-timeout",
        "The model did not answer in time",
        "the model did not answer before the deadline",
    ),
    errors.BackendProtocolError: ProblemKind(
        HTTPStatus.BAD_GATEWAY,
        "backend-protocol-error",
        "The model's answer has the wrong shape",
        "the model's answer has no tensor named prob",
    ),
    # These come from the operator's own files and settings, never from a request.
    errors.InvalidVideo: _BUG,
    errors.UnsupportedVideo: _BUG,
    errors.InvalidDataset: _BUG,
    errors.InvalidSettings: _BUG,
    errors.ModelError: _BUG,
    errors.InvalidModel: _BUG,
    errors.OutputExists: _BUG,
}


def kind_of(error: errors.FacedetectError) -> ProblemKind:
    return KINDS.get(type(error), _BUG)


def documented(*kinds: type[errors.FacedetectError]) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may raise these errors, for OpenAPI, each with an example."""
    responses: dict[int | str, dict[str, Any]] = {}
    for kind in map(KINDS.__getitem__, kinds):
        content = {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}
        response: dict[str, Any] = {"description": kind.title, "content": {MEDIA_TYPE: content}}
        response = responses.setdefault(int(kind.status), response)
        example = {"summary": kind.title, "value": _problem(kind, kind.example).model_dump()}
        response["content"][MEDIA_TYPE]["examples"][kind.slug] = example
        if kind.status in _RETRIED:
            response["headers"] = {"Retry-After": _RETRY_AFTER}
    return responses


def add_problem_handlers(app: FastAPI) -> None:
    """Answer every error of the app as a problem."""

    @app.exception_handler(errors.FacedetectError)
    async def on_facedetect_error(_: Request, error: errors.FacedetectError) -> JSONResponse:
        return respond(error)

    @app.exception_handler(RequestValidationError)
    async def on_validation_error(_: Request, error: RequestValidationError) -> JSONResponse:
        return respond(as_invalid_params(error))

    @app.exception_handler(HTTPException)
    async def on_http_exception(request: Request, error: HTTPException) -> JSONResponse:
        status = HTTPStatus(error.status_code)
        kind = ProblemKind(status, status.phrase.lower().replace(" ", "-"), status.phrase)
        detail = f"{error.detail}: {request.method} {request.url.path}; /docs lists the calls"
        return _respond(_problem(kind, detail), dict(error.headers or {}))

    @app.exception_handler(ClientDisconnect)
    async def on_disconnect(_: Request, __: ClientDisconnect) -> Response:
        return Response(status_code=HTTPStatus.BAD_REQUEST)  # nobody reads it

    @app.exception_handler(Exception)
    async def on_bug(_: Request, __: Exception) -> JSONResponse:
        # Starlette raises the exception again after this answer: uvicorn logs its traceback.
        return _respond(_problem(_BUG, _SEE_LOG))


def problem_of(error: errors.FacedetectError) -> Problem:
    """The problem that an error is to the caller; the log gets what strangers are not told."""
    kind = kind_of(error)
    current_request().errors.append(error)
    if kind is _BUG:
        logger.error("an error that no request should cause", exc_info=error)
        return _problem(kind, _SEE_LOG)
    if isinstance(error, errors.BackendError):
        logger.warning("%s", errors.format_with_notes(error))
    error.with_traceback(None)  # its frames would keep the image for as long as the error
    return _problem(kind, str(error))


def answer_to(error: errors.FacedetectError) -> tuple[Problem, dict[str, str]]:
    """The problem and the headers that go with it."""
    return problem_of(error), _headers_of(error)


def respond(error: errors.FacedetectError) -> JSONResponse:
    """The whole answer to a request that ends with this error."""
    return _respond(*answer_to(error))


def as_invalid_params(error: RequestValidationError) -> errors.InvalidParams:
    """What FastAPI found wrong with a query, as an error of ours."""
    return errors.InvalidParams("; ".join(map(_describe, error.errors())))


def _describe(problem: dict[str, Any]) -> str:
    """One of pydantic's validation errors in a line."""
    name = ".".join(map(str, problem["loc"][1:]))
    if problem["type"] == "extra_forbidden":
        return f"{name} is no parameter of this call; /docs lists them"
    return f"{name} is {problem['input']!r}: {problem['msg']}"


def _headers_of(error: errors.FacedetectError) -> dict[str, str]:
    match error:
        case errors.Overloaded():
            return {"Retry-After": str(math.ceil(error.retry_after_s))}
        case errors.BackendUnavailable() | errors.Stopping():
            return {"Retry-After": str(math.ceil(_UNAVAILABLE_FOR_S))}
        case errors.Unauthorized():
            return {"WWW-Authenticate": "Bearer"}
    return {}


def _problem(kind: ProblemKind, detail: str) -> Problem:
    return Problem(
        type=_TYPE_PREFIX + kind.slug, title=kind.title, status=kind.status, detail=detail
    )


def _respond(problem: Problem, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse(
        problem.model_dump(), status_code=problem.status, headers=headers, media_type=MEDIA_TYPE
    )
