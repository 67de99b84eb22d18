"""Spans for an OpenTelemetry collector. Importing this needs the extra `otel`."""

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

_CLOSES_WITHIN_S = 5.0
_SERVER_ERROR = 500


class RequestSpan:
    """The span of a request that is being answered."""

    def __init__(self, span: trace.Span, method: str) -> None:
        self._span = span
        self._method = method

    def answered(self, route: str, status: int) -> None:
        """Name it by what became known."""
        self._span.update_name(f"{self._method} {route}")
        self._span.set_attribute("http.route", route)
        self._span.set_attribute("http.response.status_code", status)
        if status >= _SERVER_ERROR:
            self._span.set_attribute("error.type", str(status))
            self._span.set_status(trace.StatusCode.ERROR)


class Tracing:
    """Sends spans to a collector in the background; where there is none, they are dropped.

    What is sampled, how spans are batched, and what else is sent to the collector follow
    OpenTelemetry's own variables (OTEL_TRACES_SAMPLER, OTEL_BSP_*, OTEL_EXPORTER_OTLP_HEADERS).
    Not Starlette's middleware, which sends query strings along: there may be keys in them.
    """

    def __init__(self, endpoint: str) -> None:
        ours = Resource.create(
            {"service.name": "facedetect", "service.version": facedetect.__version__}
        )
        self._provider = TracerProvider(
            resource=ours.merge(OTELResourceDetector().detect()), shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint)))
        self._tracer = self._provider.get_tracer("facedetect", facedetect.__version__)
        self._propagator = TraceContextTextMapPropagator()

    @contextmanager
    def request(self, scope: Scope, method: str) -> Iterator[RequestSpan]:
        """The span of a request, part of the caller's trace if it names one."""
        with self._tracer.start_as_current_span(
            method,
            context=self._caller_of(scope),
            kind=trace.SpanKind.SERVER,
            attributes=_attributes(scope, method),
        ) as span:
            bind_contextvars(trace_id=trace.format_trace_id(span.get_span_context().trace_id))
            yield RequestSpan(span, method)

    def start_stage(self, name: str) -> Callable[[], None]:
        """Begin the span of a stage; returns what ends it."""
        return self._tracer.start_span(name).end

    def close(self) -> None:
        """Send what is left, within five seconds."""
        # The exporter would go on trying for longer; as a daemon it cannot hold up the end.
        last = threading.Thread(target=self._provider.shutdown, daemon=True)
        last.start()
        last.join(_CLOSES_WITHIN_S)

    def _caller_of(self, scope: Scope) -> Context:
        names = {b"traceparent", b"tracestate"}
        carrier = {
            name.decode(): value.decode("latin-1")
            for name, value in scope["headers"]
            if name in names
        }
        # An empty context: what the server's own task carries is no part of this request.
        return self._propagator.extract(carrier, Context())


def _attributes(scope: Scope, method: str) -> dict[str, str | int]:
    """By OpenTelemetry's conventions for HTTP servers."""
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
