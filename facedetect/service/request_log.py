"""Middleware that gives every request an id, a line in the log, metrics and a span."""

from __future__ import annotations

import asyncio
import logging
import re
import time
import uuid
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars

from facedetect.errors import Stopping
from facedetect.service.problems import problem_kind, problem_response
from facedetect.service.request_context import RequestContext, request_context
from facedetect.service.service_metrics import ServiceMetrics

if TYPE_CHECKING:  # needs an extra
    from facedetect.service.tracing import Tracing

logger = logging.getLogger(__name__)

_ID_HEADER = "X-Request-ID"
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_MAX_PATH_LENGTH = 200
_STOPPING = "the service is shutting down and did not finish this request; retry it"


class RequestLog:
    """ASGI middleware, outermost so that it sees every response."""

    def __init__(self, app: ASGIApp, metrics: ServiceMetrics, tracing: Tracing | None) -> None:
        self._app = app
        self._metrics = metrics
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = RequestContext(scope, _request_id(scope))
        # Never unbound: the server logs exceptions after the request, and those lines need the id,
        # too. The next request starts with a fresh context.
        bind_contextvars(request_id=request.id)
        with request_context(request), self._span(request):
            try:
                with self._metrics.requests_in_progress.track_inprogress():
                    await self._respond(request, *_observe(request, receive, send))
            finally:
                request.seconds = time.perf_counter() - request.started
                self._metrics.add_request(request)
                _log_request(request)
                request.errors.clear()  # their tracebacks may keep images in memory

    async def _respond(self, request: RequestContext, receive: Receive, send: Send) -> None:
        try:
            await self._app(request.scope, receive, send)
        except asyncio.CancelledError:
            if request.response_status is not None:
                raise
            # The server is shutting down and cancels the remaining requests.
            response = problem_response(Stopping(_STOPPING))
            await response(request.scope, receive, send)

    def _span(self, request: RequestContext) -> AbstractContextManager[None]:
        if self._tracing is None or request.is_probe:
            return nullcontext()
        return self._tracing.trace_request(request)


def _request_id(scope: Scope) -> str:
    """Return the id sent by the client if it is safe to log, else a new one."""
    given = Headers(scope=scope).get(_ID_HEADER, "")
    return given if _ID.fullmatch(given) else uuid.uuid4().hex


def _observe(request: RequestContext, receive: Receive, send: Send) -> tuple[Receive, Send]:
    """Wrap both functions to record messages; add the request id to the response."""

    async def receive_and_record() -> Message:
        message = await receive()
        if message["type"] == "http.request":
            request.bytes_in += len(message.get("body", b""))
        elif request.response_status is None:
            request.is_disconnected = True
        return message

    async def record_and_send(message: Message) -> None:
        if message["type"] == "http.response.start":
            request.response_status = message["status"]
            MutableHeaders(scope=message)[_ID_HEADER] = request.id
        elif message["type"] == "http.response.body":
            request.bytes_out += len(message.get("body", b""))
        await send(message)

    return receive_and_record, record_and_send


def _log_request(request: RequestContext) -> None:
    level = logging.DEBUG if request.is_probe else logging.INFO
    if logger.isEnabledFor(level):
        logger.log(level, "request", extra=_log_fields(request))


def _log_fields(request: RequestContext) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "method": request.method,
        "route": request.route,
        "status": request.status,
        "duration_ms": round(request.seconds * 1000, 2),
        "bytes_in": request.bytes_in,
        "bytes_out": request.bytes_out,
    }
    if request.scope.get("client"):
        fields["client"] = request.scope["client"][0]
    if request.key_name is not None:
        fields["caller"] = request.key_name
    if request.detections:
        fields["faces"] = sum(len(detection.faces) for detection in request.detections)
    if len(request.detections) > 1:
        fields["images"] = len(request.detections)
    if request.errors:
        slugs = {problem_kind(error).slug for error in request.errors}
        fields["problem"] = ",".join(sorted(slugs))
    for stage in request.stages:
        name = f"{stage.name}_ms"
        fields[name] = round(fields.get(name, 0) + stage.ms, 3)
    path = _path_of(request.scope)
    if path != request.route:
        fields["path"] = path
    return fields


def _path_of(scope: Scope) -> str:
    """Return the path as sent, percent-encoded, without the query, which may contain keys."""
    path: bytes = scope.get("raw_path") or b""
    return path.partition(b"?")[0].decode("latin-1")[:_MAX_PATH_LENGTH]
