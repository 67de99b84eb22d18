"""Around every request: its id, its line in the log, its numbers, its span."""

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
from facedetect.service.problems import kind_of, respond
from facedetect.service.request_context import RequestContext, request_context
from facedetect.service.telemetry import Telemetry

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from facedetect.service.tracing import RequestSpan

logger = logging.getLogger(__name__)

REQUEST_ID_HEADER = b"x-request-id"
UNMATCHED = "unmatched"
CLIENT_LEFT = 499  # as nginx has it: there is no status for an answer that nobody waited for
_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_LONGEST_PATH = 200
_STOPPED = "the service was stopped before it could answer; send the request again"

# Asked every few seconds by machines.
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})


class RequestLog:
    """ASGI middleware; belongs outside of all others, so that it sees every answer."""

    def __init__(self, app: ASGIApp, telemetry: Telemetry) -> None:
        self._app = app
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send)
        # Not taken back: the server, which logs what went wrong after the request, has the id, too.
        # The next request starts from an empty context.
        bind_contextvars(request_id=exchange.request_id)
        with request_context() as notes, self._span(scope) as span:
            try:
                with self._telemetry.metrics.requests_in_progress.track_inprogress():
                    await self._answer(scope, exchange)
            finally:
                self._tell(exchange, notes)
                notes.errors.clear()  # they hold what they were about
                if span is not None:
                    span.answered(exchange.route, exchange.status)

    async def _answer(self, scope: Scope, exchange: _Exchange) -> None:
        try:
            await self._app(scope, exchange.receive, exchange.send)
        except asyncio.CancelledError:
            if exchange.has_begun:
                raise
            # The server has been told to stop, and waits no longer.
            response = respond(Stopping(_STOPPED))
            await response(scope, exchange.receive, exchange.send)

    def _span(self, scope: Scope) -> AbstractContextManager[RequestSpan | None]:
        tracing = self._telemetry.tracing
        if tracing is None or scope["path"] in _QUIET:
            return nullcontext()
        return tracing.request(scope, _method_of(scope))

    def _tell(self, exchange: _Exchange, notes: RequestContext) -> None:
        seconds = time.perf_counter() - exchange.started
        method, route, status = _method_of(exchange.scope), exchange.route, exchange.status
        self._telemetry.metrics.add_request(method, route, status, seconds)
        if route not in _QUIET:
            for error in notes.errors:
                self._telemetry.failed(error)
        level = logging.DEBUG if route in _QUIET else logging.INFO
        if logger.isEnabledFor(level):
            fields = {
                "method": method,
                "route": route,
                "status": status,
                "duration_ms": round(seconds * 1000, 2),
                "bytes_in": exchange.bytes_in,
                "bytes_out": exchange.bytes_out,
                **_about_client(exchange.scope),
                **_about_work(notes),
            }
            path = _path_of(exchange.scope)
            if path != route:
                fields["path"] = path
            logger.log(level, "request", extra=fields)


class _Exchange:
    """One request and its answer, as they pass."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.started = time.perf_counter()
        self.request_id = _request_id(scope)
        self.bytes_in = 0
        self.bytes_out = 0
        self._receive = receive
        self._send = send
        self._answered: int | None = None
        self._is_gone = False

    @property
    def has_begun(self) -> bool:
        """Whether the answer is on its way."""
        return self._answered is not None

    @property
    def status(self) -> int:
        """That of the answer; the server makes it 500 if there was none."""
        if self._is_gone:
            return CLIENT_LEFT
        return self._answered or 500

    @property
    def route(self) -> str:
        """The template of the route that was taken, such as `/detect`; a mounted app's folder."""
        scope = self.scope
        if "route" in scope:
            return str(scope["route"].path) or "/"
        if "app_root_path" in scope:
            return str(scope["root_path"].removeprefix(scope["app_root_path"]))
        if "endpoint" in scope and not scope.get("path_params"):
            return str(scope["path"])  # a route of a fixed path, which FastAPI does not name
        return UNMATCHED

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self.bytes_in += len(message.get("body", b""))
        elif self._answered is None:
            self._is_gone = True
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._answered = message["status"]
            headers = [*message.get("headers", ()), (REQUEST_ID_HEADER, self.request_id.encode())]
            message = {**message, "headers": headers}
        elif message["type"] == "http.response.body":
            self.bytes_out += len(message.get("body", b""))
        await self._send(message)


def _request_id(scope: Scope) -> str:
    """The caller's own, if it is fit to be logged, else a new one."""
    for name, value in scope["headers"]:
        if name == REQUEST_ID_HEADER and _ID.fullmatch(value):
            return str(value.decode())
    return uuid.uuid4().hex


def _method_of(scope: Scope) -> str:
    method = str(scope["method"])
    return method if method in _METHODS else "other"


def _path_of(scope: Scope) -> str:
    """As it was sent, percent-encoded; without the query, in which there may be keys."""
    path: bytes = scope.get("raw_path") or b""
    return path.partition(b"?")[0].decode("latin-1")[:_LONGEST_PATH]


def _about_client(scope: Scope) -> dict[str, str]:
    fields = {}
    if scope.get("client"):
        fields["client"] = scope["client"][0]
    name = getattr(scope.get("state", {}).get("caller"), "name", None)
    if name is not None:
        fields["caller"] = name
    return fields


def _about_work(notes: RequestContext) -> dict[str, float | str]:
    """Faces, and images if there were several, problems, and the time of each stage."""
    fields: dict[str, float | str] = {}
    if notes.faces:
        fields["faces"] = sum(notes.faces)
    if len(notes.faces) > 1:
        fields["images"] = len(notes.faces)
    if notes.errors:
        fields["problem"] = ",".join(sorted({kind_of(error).slug for error in notes.errors}))
    times: dict[str, float] = {}
    for name, ms in notes.stages:
        times[f"{name}_ms"] = round(times.get(f"{name}_ms", 0) + ms, 3)
    return {**fields, **times}
