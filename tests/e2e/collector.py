"""An OpenTelemetry collector over HTTP that stores spans."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

Values = dict[str, str | int]


class Collector:
    """The received spans; `resource` has the sender's attributes."""

    def __init__(self, port: int) -> None:
        self.endpoint = f"http://127.0.0.1:{port}/v1/traces"
        self.spans: list[Span] = []
        self.resource: Values = {}

    def take(self, body: bytes) -> None:
        for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.resource = values_of(of_resource.resource.attributes)
            for scope in of_resource.scope_spans:
                self.spans += scope.spans

    def wait_for(self, name: str) -> dict[str, Span]:
        """Wait for a span; return all spans of its trace, by name."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            for found in self.spans:
                if found.name == name:
                    return {s.name: s for s in self.spans if s.trace_id == found.trace_id}
            time.sleep(0.05)
        raise TimeoutError(f"no span {name!r} among {[span.name for span in self.spans]}")


def values_of(attributes: Iterable[KeyValue]) -> Values:
    """Attributes as a dictionary."""
    return {item.key: item.value.string_value or item.value.int_value for item in attributes}


@contextmanager
def collecting() -> Iterator[Collector]:
    """Run a collector until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.path == "/v1/traces"
            collector.take(body)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector = Collector(server.server_port)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()
