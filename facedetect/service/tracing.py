"""Traces for an OpenTelemetry collector. Importing this module needs the extra `otel`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import Scope
from structlog.contextvars import bind_contextvars

import facedetect

_CLOSE_TIMEOUT_S = 5.0
_SERVER_ERROR = 500


class RequestSpan:
    """The span of the current request."""

    def __init__(self, span: trace.Span, method: str) -> None:
        self._span = span
        self._method = method

    def set_response(self, route: str, status: int) -> None:
        """Add what is known once the request has been answered."""
        self._span.update_name(f"{self._method} {route}")
        self._span.set_attribute("http.route", route)
        self._span.set_attribute("http.response.status_code", status)
        if status >= _SERVER_ERROR:
            self._span.set_attribute("error.type", str(status))
            self._span.set_status(trace.StatusCode.ERROR)


class Tracing:
    """Sends spans to a collector in the background; drops them if it cannot be reached.

    OpenTelemetry's own variables configure sampling, batching and extra headers
    (OTEL_TRACES_SAMPLER, OTEL_BSP_*, OTEL_EXPORTER_OTLP_HEADERS). OpenTelemetry's middleware is
    not used: it records query strings, which may contain keys.
    """

    def __init__(self, endpoint: str) -> None:
        defaults = Resource.create(
            {"service.name": "facedetect", "service.version": facedetect.__version__}
        )
        self._provider = TracerProvider(
            resource=defaults.merge(OTELResourceDetector().detect()), shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint)))
        self._tracer = self._provider.get_tracer("facedetect", facedetect.__version__)
        self._propagator = TraceContextTextMapPropagator()

    @contextmanager
    def trace_request(self, scope: Scope, method: str) -> Iterator[RequestSpan]:
        """Record a span for a request, as part of the caller's trace if it sends one."""
        with self._tracer.start_as_current_span(
            method,
            context=self._parent_context(scope),
            kind=trace.SpanKind.SERVER,
            attributes=_attributes(scope, method),
        ) as span:
            bind_contextvars(trace_id=trace.format_trace_id(span.get_span_context().trace_id))
            yield RequestSpan(span, method)

    def start_stage(self, name: str) -> Callable[[], None]:
        """Start the span of a stage; return a function that ends it."""
        return self._tracer.start_span(name).end

    def close(self) -> None:
        """Send pending spans, for five seconds at most."""
        # The exporter would retry for longer; a daemon thread cannot delay the exit.
        shutdown = threading.Thread(target=self._provider.shutdown, daemon=True)
        shutdown.start()
        shutdown.join(_CLOSE_TIMEOUT_S)

    def _parent_context(self, scope: Scope) -> Context:
        names = {b"traceparent", b"tracestate"}
        carrier = {
            name.decode(): value.decode("latin-1")
            for name, value in scope["headers"]
            if name in names
        }
        # An empty context: that of the server's task is not part of this request.
        return self._propagator.extract(carrier, Context())


def _attributes(scope: Scope, method: str) -> dict[str, str | int]:
    """Return attributes by OpenTelemetry's conventions for HTTP servers."""
    attributes: dict[str, str | int] = {
        "http.request.method": "_OTHER" if method == "other" else method,
        "url.scheme": scope.get("scheme", "http"),
        "url.path": scope["path"],
        "network.protocol.version": scope.get("http_version", "1.1"),
    }
    if scope.get("client"):
        attributes["client.address"] = scope["client"][0]
    if scope.get("server"):
        attributes["server.address"], attributes["server.port"] = scope["server"]
    return attributes
