"""Tracing with OpenTelemetry. Importing this module needs the extra `otel`."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.datastructures import Headers
from starlette.types import Scope
from structlog.contextvars import bind_contextvars

import facedetect
from facedetect.service.request_context import RequestContext

_CLOSE_TIMEOUT_S = 5.0
_SERVER_ERROR = 500


class Tracing:
    """Sends spans to a collector in the background, and drops them if it is unreachable.

    OpenTelemetry's own variables configure sampling, batching and extra headers
    (OTEL_TRACES_SAMPLER, OTEL_BSP_*, OTEL_EXPORTER_OTLP_HEADERS). OpenTelemetry's middleware is not
    used because it records query strings, which may contain keys.
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
    def trace_request(self, request: RequestContext) -> Iterator[None]:
        """Record spans of a request and its stages, as part of the client's trace if any."""
        with self._tracer.start_as_current_span(
            request.method,
            context=self._parent_context(request.scope),
            kind=trace.SpanKind.SERVER,
            attributes=_attributes(request),
        ) as span:
            bind_contextvars(trace_id=trace.format_trace_id(span.get_span_context().trace_id))
            try:
                yield
            finally:
                _add_response(span, request)
                for stage in request.stages:
                    child = self._tracer.start_span(stage.name, start_time=stage.started_ns)
                    child.end(stage.started_ns + round(stage.ms * 1e6))

    def close(self) -> None:
        """Send pending spans for at most five seconds."""
        # The exporter would retry longer, but a daemon thread cannot delay the exit.
        shutdown = threading.Thread(target=self._provider.shutdown, daemon=True)
        shutdown.start()
        shutdown.join(_CLOSE_TIMEOUT_S)

    def _parent_context(self, scope: Scope) -> Context:
        # An empty context: the server task's context is not part of this request.
        return self._propagator.extract(Headers(scope=scope), Context())


def _attributes(request: RequestContext) -> dict[str, str | int]:
    """Return attributes that follow OpenTelemetry's conventions for HTTP servers."""
    scope = request.scope
    attributes: dict[str, str | int] = {
        "http.request.method": "_OTHER" if request.method == "other" else request.method,
        "url.scheme": scope.get("scheme", "http"),
        "url.path": scope["path"],
        "network.protocol.version": scope.get("http_version", "1.1"),
    }
    if scope.get("client"):
        attributes["client.address"] = scope["client"][0]
    if scope.get("server"):
        attributes["server.address"], attributes["server.port"] = scope["server"]
    return attributes


def _add_response(span: trace.Span, request: RequestContext) -> None:
    span.update_name(f"{request.method} {request.route}")
    span.set_attribute("http.route", request.route)
    span.set_attribute("http.response.status_code", request.status)
    if request.status >= _SERVER_ERROR:
        span.set_attribute("error.type", str(request.status))
        span.set_status(trace.StatusCode.ERROR)
