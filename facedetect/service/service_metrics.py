"""Metrics for Prometheus. Every label has few values, none of which clients can choose."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

import facedetect
from facedetect.faces import Detection

Stage = Literal["upload", "queue", "decode", "predict", "render"]

# Exported as 0 from the start, so that Prometheus sees the first of each as an increase.
_REJECTION_REASONS = (
    "queue_full",
    "queue_timeout",
    "upload_memory",
    "upload_timeout",
    "rate_limited",
    "unauthorized",
    "forbidden",
    "stopping",
)
_BACKEND_ERRORS = (
    "backend_unavailable",
    "model_not_found",
    "backend_timeout",
    "backend_protocol_error",
)

_REQUEST_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_STAGE_BOUNDS_S = (0.001, 0.0025, *_REQUEST_BOUNDS_S[:-1])
_FACE_BOUNDS = (0, 1, 2, 3, 5, 10, 20, 50, 100)
_MEGAPIXEL_BOUNDS = (0.1, 0.3, 0.5, 1, 2, 4, 8, 12, 25, 50)


class ServiceMetrics:
    """The metrics of one service and of its process. Thread-safe."""

    def __init__(self, backend: str = "") -> None:
        self.registry = CollectorRegistry()
        self._add_requests()
        self._add_processing()
        self._add_failures()
        build = Info("facedetect_build", "Version and backend", registry=self.registry)
        build.info({"version": facedetect.__version__, "backend": backend})
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)

    def _add_requests(self) -> None:
        self.requests = self._counter(
            "facedetect_requests_total",
            "Requests answered; status 499: the client disconnected first",
            ["method", "route", "status"],
        )
        self.request_seconds = self._histogram(
            "facedetect_request_seconds",
            "Time from the head of a request to the end of its response",
            _REQUEST_BOUNDS_S,
            ["route"],
        )
        self.requests_in_progress = Gauge(
            "facedetect_requests_in_progress",
            "Requests in progress, including this one",
            registry=self.registry,
        )

    def _add_processing(self) -> None:
        stages = self._histogram(
            "facedetect_stage_seconds",
            "Duration of one stage of processing",
            _STAGE_BOUNDS_S,
            ["stage"],
        )
        self.stage_seconds = {stage: stages.labels(stage) for stage in get_args(Stage)}
        self._faces = self._histogram(
            "facedetect_faces_per_image", "Faces returned for an image", _FACE_BOUNDS
        )
        self._megapixels = self._histogram(
            "facedetect_image_megapixels", "Image size in megapixels", _MEGAPIXEL_BOUNDS
        )
        self._images = self._counter(
            "facedetect_images_total", "Images processed, by model", ["model", "version"]
        )

    def _add_failures(self) -> None:
        self.rejections = self._counter(
            "facedetect_rejections_total", "Requests rejected before any processing", ["reason"]
        )
        self.backend_errors = self._counter(
            "facedetect_backend_errors_total", "Images that the model failed to process", ["kind"]
        )
        for reason in _REJECTION_REASONS:
            self.rejections.labels(reason)
        for kind in _BACKEND_ERRORS:
            self.backend_errors.labels(kind)

    def _counter(self, name: str, help_text: str, labels: list[str]) -> Counter:
        return Counter(name, help_text, labels, registry=self.registry)

    def _histogram(
        self, name: str, help_text: str, bounds: tuple[float, ...], labels: Sequence[str] = ()
    ) -> Histogram:
        return Histogram(name, help_text, labels, buckets=bounds, registry=self.registry)

    def _gauge(self, name: str, help_text: str, read: Callable[[], float]) -> None:
        Gauge(name, help_text, registry=self.registry).set_function(read)

    def watch_load(
        self,
        *,
        queued: Callable[[], float],
        running: Callable[[], float],
        upload_bytes: Callable[[], float],
    ) -> None:
        """Read these gauges whenever the metrics are exported."""
        self._gauge("facedetect_queued_images", "Images waiting for a thread", queued)
        self._gauge("facedetect_running_images", "Images being processed", running)
        self._gauge("facedetect_upload_bytes_held", "Memory held by uploads, bytes", upload_bytes)

    def add_image(self, detection: Detection) -> None:
        """Count a processed image and its faces."""
        self._faces.observe(len(detection.faces))
        self._megapixels.observe(detection.width * detection.height / 1e6)
        model = detection.model
        version = "unknown" if model.version is None else model.version
        self._images.labels(model.name, version).inc()

    def add_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a completed request; `route` is a template such as `/detect`, never a path."""
        self.requests.labels(method, route, status).inc()
        self.request_seconds.labels(route).observe(seconds)

    def export(self, accept: str) -> tuple[bytes, str]:
        """Return all metrics in the format that an Accept header prefers, and its media type."""
        encode, media_type = choose_encoder(accept)
        return encode(_WithoutCreated(self.registry)), media_type


class _WithoutCreated(Collector):
    """Drops the `_created` samples, which would nearly double the number of lines."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            metric.samples = [s for s in metric.samples if not s.name.endswith("_created")]
            yield metric
