"""Middleware that gives every request an id, a line in the log, metrics and a span."""

from __future__ import annotations

import asyncio
import logging
import re
import time
import uuid
from contextlib import nullcontext
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars

from facedetect.errors import Stopping
from facedetect.service.problems import problem_kind, problem_response
from facedetect.service.request_context import RequestContext, request_context
from facedetect.service.telemetry import Telemetry

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from facedetect.service.tracing import RequestSpan

logger = logging.getLogger(__name__)

REQUEST_ID_HEADER = b"x-request-id"
UNMATCHED = "unmatched"
CLIENT_CLOSED_REQUEST = 499  # nginx's, as HTTP has no status for it
_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_MAX_PATH_LENGTH = 200
_STOPPING = "the service is shutting down and did not finish this request; retry it"

# Requested every few seconds by machines.
_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})


class RequestLog:
    """ASGI middleware; the outermost, so that it sees every response."""

    def __init__(self, app: ASGIApp, telemetry: Telemetry) -> None:
        self._app = app
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send)
        # Never unbound: the server logs exceptions after the request, and those lines need the id,
        # too. The next request starts with an empty context.
        bind_contextvars(request_id=exchange.request_id)
        with request_context() as context, self._span(scope) as span:
            try:
                with self._telemetry.metrics.requests_in_progress.track_inprogress():
                    await self._answer(scope, exchange)
            finally:
                self._record(exchange, context)
                context.errors.clear()  # their tracebacks may hold images
                if span is not None:
                    span.set_response(exchange.route, exchange.status)

    async def _answer(self, scope: Scope, exchange: _Exchange) -> None:
        try:
            await self._app(scope, exchange.receive, exchange.send)
        except asyncio.CancelledError:
            if exchange.has_started_response:
                raise
            # The server is shutting down and cancels the requests that are left.
            response = problem_response(Stopping(_STOPPING))
            await response(scope, exchange.receive, exchange.send)

    def _span(self, scope: Scope) -> AbstractContextManager[RequestSpan | None]:
        tracing = self._telemetry.tracing
        if tracing is None or scope["path"] in _PROBES:
            return nullcontext()
        return tracing.trace_request(scope, _method_of(scope))

    def _record(self, exchange: _Exchange, context: RequestContext) -> None:
        seconds = time.perf_counter() - exchange.started
        method, route, status = _method_of(exchange.scope), exchange.route, exchange.status
        self._telemetry.metrics.add_request(method, route, status, seconds)
        if route not in _PROBES:
            for error in context.errors:
                self._telemetry.record_error(error)
        level = logging.DEBUG if route in _PROBES else logging.INFO
        if logger.isEnabledFor(level):
            fields = {
                "method": method,
                "route": route,
                "status": status,
                "duration_ms": round(seconds * 1000, 2),
                "bytes_in": exchange.bytes_in,
                "bytes_out": exchange.bytes_out,
                **_client_fields(exchange.scope),
                **_processing_fields(context),
            }
            path = _path_of(exchange.scope)
            if path != route:
                fields["path"] = path
            logger.log(level, "request", extra=fields)


class _Exchange:
    """One request and its response, observed as they pass."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.started = time.perf_counter()
        self.request_id = _request_id(scope)
        self.bytes_in = 0
        self.bytes_out = 0
        self._receive = receive
        self._send = send
        self._status: int | None = None
        self._is_disconnected = False

    @property
    def has_started_response(self) -> bool:
        return self._status is not None

    @property
    def status(self) -> int:
        """The status of the response; without one, the server sends 500."""
        if self._is_disconnected:
            return CLIENT_CLOSED_REQUEST
        return self._status or 500

    @property
    def route(self) -> str:
        """The template of the matched route, such as `/detect`, or the path of a mounted app."""
        scope = self.scope
        if "route" in scope:
            return str(scope["route"].path) or "/"
        if "app_root_path" in scope:
            return str(scope["root_path"].removeprefix(scope["app_root_path"]))
        if "endpoint" in scope and not scope.get("path_params"):
            return str(scope["path"])  # a route without parameters, which FastAPI does not name
        return UNMATCHED

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self.bytes_in += len(message.get("body", b""))
        elif self._status is None:
            self._is_disconnected = True
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            headers = [*message.get("headers", ()), (REQUEST_ID_HEADER, self.request_id.encode())]
            message = {**message, "headers": headers}
        elif message["type"] == "http.response.body":
            self.bytes_out += len(message.get("body", b""))
        await self._send(message)


def _request_id(scope: Scope) -> str:
    """Return the id that the client sent, if it is safe to log, or else a new one."""
    for name, value in scope["headers"]:
        if name == REQUEST_ID_HEADER and _ID.fullmatch(value):
            return str(value.decode())
    return uuid.uuid4().hex


def _method_of(scope: Scope) -> str:
    method = str(scope["method"])
    return method if method in _METHODS else "other"


def _path_of(scope: Scope) -> str:
    """Return the path as sent, percent-encoded, without the query, which may contain keys."""
    path: bytes = scope.get("raw_path") or b""
    return path.partition(b"?")[0].decode("latin-1")[:_MAX_PATH_LENGTH]


def _client_fields(scope: Scope) -> dict[str, str]:
    fields = {}
    if scope.get("client"):
        fields["client"] = scope["client"][0]
    name = getattr(scope.get("state", {}).get("caller"), "name", None)
    if name is not None:
        fields["caller"] = name
    return fields


def _processing_fields(context: RequestContext) -> dict[str, float | str]:
    """Return the number of faces, that of images if there are several, problems and durations."""
    fields: dict[str, float | str] = {}
    if context.faces:
        fields["faces"] = sum(context.faces)
    if len(context.faces) > 1:
        fields["images"] = len(context.faces)
    if context.errors:
        fields["problem"] = ",".join(sorted({problem_kind(error).slug for error in context.errors}))
    times: dict[str, float] = {}
    for name, ms in context.stages:
        times[f"{name}_ms"] = round(times.get(f"{name}_ms", 0) + ms, 3)
    return {**fields, **times}
