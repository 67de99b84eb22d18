"""Errors as RFC 9457 problem details, `application/problem+json`."""

from __future__ import annotations

import logging
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

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
_TYPE_PREFIX = "urn:facedetect:problem:"
_RETRY_AFTER_S = "5"
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


_BUG = ProblemKind(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "An error inside the service")

KINDS: dict[type[errors.FacedetectError], ProblemKind] = {
    errors.FacedetectError: _BUG,
    errors.ImageError: ProblemKind(
        HTTPStatus.BAD_REQUEST, "invalid-image", "The image cannot be used"
    ),
    errors.InvalidImage: ProblemKind(
        HTTPStatus.BAD_REQUEST, "invalid-image", "The image cannot be used"
    ),
    errors.UnsupportedImage: ProblemKind(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported-image", "The format is not supported"
    ),
    errors.ImageTooLarge: ProblemKind(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "image-too-large", "The image is too large"
    ),
    errors.InvalidParams: ProblemKind(
        HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-params", "The parameters cannot be used"
    ),
    errors.BackendError: ProblemKind(
        HTTPStatus.SERVICE_UNAVAILABLE, "backend-unavailable", "The model is not available"
    ),
    errors.BackendUnavailable: ProblemKind(
        HTTPStatus.SERVICE_UNAVAILABLE, "backend-unavailable", "The model is not available"
    ),
    errors.ModelNotFound: ProblemKind(
        HTTPStatus.SERVICE_UNAVAILABLE, "model-not-found", "The model is not there"
    ),
    errors.BackendTimeout: ProblemKind(
        HTTPStatus.GATEWAY_TIMEOUT, "backend-timeout", "The model did not answer in time"
    ),
    errors.BackendProtocolError: ProblemKind(
        HTTPStatus.BAD_GATEWAY, "backend-protocol-error", "The model's answer has the wrong shape"
    ),
    # These come from the operator's own files and settings, never from a request.
    errors.InvalidSettings: _BUG,
    errors.ModelError: _BUG,
    errors.InvalidModel: _BUG,
    errors.OutputExists: _BUG,
}


def kind_of(error: errors.FacedetectError) -> ProblemKind:
    return KINDS.get(type(error), _BUG)


def documented(*kinds: type[errors.FacedetectError]) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may raise these errors, for OpenAPI."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        int(KINDS[kind].status): {"description": KINDS[kind].title, "content": content}
        for kind in kinds
    }


def add_problem_handlers(app: FastAPI) -> None:
    """Answer every error of the app as a problem."""

    @app.exception_handler(errors.FacedetectError)
    async def on_facedetect_error(_: Request, error: errors.FacedetectError) -> JSONResponse:
        kind = kind_of(error)
        if kind is _BUG:
            logger.error("an error that no request should cause", exc_info=error)
            return _answer(kind, _SEE_LOG)
        if isinstance(error, errors.BackendError):
            logger.warning("%s", errors.told_whole(error))
        return _answer(kind, str(error))

    @app.exception_handler(RequestValidationError)
    async def on_validation_error(_: Request, error: RequestValidationError) -> JSONResponse:
        detail = "; ".join(map(_describe, error.errors()))
        return _answer(KINDS[errors.InvalidParams], detail)

    @app.exception_handler(HTTPException)
    async def on_http_exception(request: Request, error: HTTPException) -> JSONResponse:
        status = HTTPStatus(error.status_code)
        kind = ProblemKind(status, status.phrase.lower().replace(" ", "-"), status.phrase)
        detail = f"{error.detail}: {request.method} {request.url.path}; /docs lists the calls"
        return _answer(kind, detail, dict(error.headers or {}))

    @app.exception_handler(ClientDisconnect)
    async def on_disconnect(_: Request, __: ClientDisconnect) -> Response:
        return Response(status_code=HTTPStatus.BAD_REQUEST)  # nobody reads it

    @app.exception_handler(Exception)
    async def on_bug(_: Request, __: Exception) -> JSONResponse:
        # Starlette raises the exception again after this answer: uvicorn logs its traceback.
        return _answer(_BUG, _SEE_LOG)


def _describe(problem: dict[str, Any]) -> str:
    """One of pydantic's validation errors in a line."""
    name = ".".join(map(str, problem["loc"][1:]))
    if problem["type"] == "extra_forbidden":
        return f"{name} is no parameter of this call; /docs lists them"
    return f"{name} is {problem['input']!r}: {problem['msg']}"


def _answer(kind: ProblemKind, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    problem = Problem(
        type=_TYPE_PREFIX + kind.slug, title=kind.title, status=kind.status, detail=detail
    )
    headers = headers or {}
    if kind.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = _RETRY_AFTER_S
    return JSONResponse(
        problem.model_dump(), status_code=kind.status, headers=headers, media_type=MEDIA_TYPE
    )
