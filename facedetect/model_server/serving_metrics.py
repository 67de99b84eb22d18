"""TensorFlow Serving's metrics, in Prometheus' text format."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
from prometheus_client import Counter, Histogram, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

# TensorFlow Serving's bounds: each is 1.8 times the previous one, up to 20 minutes.
_BOUNDS_US = [float(f"{10 * 1.8**exponent:g}") for exponent in range(33)]

_REQUEST_COUNT = ":tensorflow:serving:request_count"


class ServingMetrics(Collector):
    """Request counts, and latencies in microseconds. Thread-safe."""

    def __init__(self) -> None:
        self._requests = Counter(
            _REQUEST_COUNT,
            "Predict requests",
            ["model_name", "status"],
            registry=None,
        )
        self._request_latency = Histogram(
            ":tensorflow:serving:request_latency",
            "Latency of successful Predict requests, in microseconds",
            ["model_name", "API", "entrypoint"],
            buckets=_BOUNDS_US,
            registry=None,
        )
        self._runtime_latency = Histogram(
            ":tensorflow:serving:runtime_latency",
            "TensorFlow's part of that latency, in microseconds",
            ["model_name", "API", "runtime"],
            buckets=_BOUNDS_US,
            registry=None,
        )

    def count_request(self, model: str, code: grpc.StatusCode) -> None:
        self._requests.labels(model, code.name).inc()

    def add_request_latency(self, model: str, entrypoint: str, latency_s: float) -> None:
        """Record a successful call; `entrypoint` is GRPC or REST."""
        api = "predict" if entrypoint == "REST" else "Predict"  # as TensorFlow Serving spells it
        self._request_latency.labels(model, api, entrypoint).observe(latency_s * 1e6)

    def add_runtime_latency(self, model: str, latency_s: float) -> None:
        """Record TensorFlow's part of a call's latency."""
        self._runtime_latency.labels(model, "Predict", "TF1").observe(latency_s * 1e6)

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics without `_created` samples, which TensorFlow Serving does not have."""
        for source in (self._requests, self._request_latency, self._runtime_latency):
            for metric in source.collect():
                metric.samples = [s for s in metric.samples if not s.name.endswith("_created")]
                yield metric

    def text(self) -> str:
        """Return the page that Prometheus scrapes."""
        page = generate_latest(self).decode()
        # prometheus_client appends `_total` to every counter; TensorFlow Serving does not.
        return page.replace(f"{_REQUEST_COUNT}_total", _REQUEST_COUNT)
