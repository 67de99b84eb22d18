"""`GET /metrics`: what Prometheus reads. Every label has few values, none of them a stranger's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args

from fastapi import APIRouter, Request, Response
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
from facedetect.errors import Forbidden, Unauthorized
from facedetect.faces import Detection
from facedetect.service.problems import documented

Stage = Literal["upload", "queue", "decode", "predict", "render"]

# Known from the start, so that the first one of a kind shows as an increase.
_REASONS = (
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
    """The numbers of one service, and of the process it runs in. Thread-safe."""

    def __init__(self, backend: str = "") -> None:
        self.registry = CollectorRegistry()
        self._add_requests()
        self._add_work()
        self._add_failures()
        build = Info("facedetect_build", "What runs here", registry=self.registry)
        build.info({"version": facedetect.__version__, "backend": backend})
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)

    def _add_requests(self) -> None:
        self.requests = Counter(
            "facedetect_requests_total",
            "Requests answered; status 499 is a client that left before",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "facedetect_request_seconds",
            "From a request's head to the end of its answer",
            ["route"],
            buckets=_REQUEST_BOUNDS_S,
            registry=self.registry,
        )
        self.requests_in_progress = Gauge(
            "facedetect_requests_in_progress",
            "Requests not yet answered, this one included",
            registry=self.registry,
        )

    def _add_work(self) -> None:
        self.queued_images = self._gauge("facedetect_queued_images", "Images that wait their turn")
        self.running_images = self._gauge("facedetect_running_images", "Images under work")
        self.upload_bytes_held = self._gauge(
            "facedetect_upload_bytes_held", "Bytes of uploads in memory"
        )
        stages = Histogram(
            "facedetect_stage_seconds",
            "Time of one stage of the work",
            ["stage"],
            buckets=_STAGE_BOUNDS_S,
            registry=self.registry,
        )
        self.stage_seconds = {stage: stages.labels(stage) for stage in get_args(Stage)}
        self._faces = self._histogram(
            "facedetect_faces_per_image", "Faces answered for an image", _FACE_BOUNDS
        )
        self._megapixels = self._histogram(
            "facedetect_image_megapixels", "Size of an image", _MEGAPIXEL_BOUNDS
        )
        self._images = self._counter(
            "facedetect_images_total",
            "Images looked at, by the model that answered",
            ["model", "version"],
        )

    def _add_failures(self) -> None:
        self.rejections = self._counter(
            "facedetect_rejections_total", "Requests turned away before any work", ["reason"]
        )
        self.backend_errors = self._counter(
            "facedetect_backend_errors_total", "Requests that the model failed", ["kind"]
        )
        for reason in _REASONS:
            self.rejections.labels(reason)
        for kind in _BACKEND_ERRORS:
            self.backend_errors.labels(kind)

    def _gauge(self, name: str, words: str) -> Gauge:
        return Gauge(name, words, registry=self.registry)

    def _counter(self, name: str, words: str, labels: list[str]) -> Counter:
        return Counter(name, words, labels, registry=self.registry)

    def _histogram(self, name: str, words: str, bounds: tuple[float, ...]) -> Histogram:
        return Histogram(name, words, buckets=bounds, registry=self.registry)

    def add_image(self, detection: Detection) -> None:
        """Count an image and what was found in it."""
        self._faces.observe(len(detection.faces))
        self._megapixels.observe(detection.width * detection.height / 1e6)
        model = detection.model
        version = "unknown" if model.version is None else model.version
        self._images.labels(model.name, version).inc()

    def add_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request that has ended; `route` is a template, never a path."""
        self.requests.labels(method, route, status).inc()
        self.request_seconds.labels(route).observe(seconds)

    def text(self, accept: str) -> tuple[bytes, str]:
        """The page in the format that an Accept header asks for, and its media type."""
        encode, media_type = choose_encoder(accept)
        return encode(_WithoutTimes(self.registry)), media_type


class _WithoutTimes(Collector):
    """Leaves out when each number began, which would be a line for nearly each."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            metric.samples = [s for s in metric.samples if not s.name.endswith("_created")]
            yield metric


router = APIRouter()

_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Prometheus' text format, or OpenMetrics if it is asked for",
        "content": {"text/plain": {}, "application/openmetrics-text": {}},
    },
    **documented(Unauthorized, Forbidden),
}


@router.head("/metrics", include_in_schema=False)
@router.get("/metrics", tags=["operations"], response_class=Response, responses=_RESPONSES)
async def metrics(request: Request) -> Response:
    """Counts, times and sizes, for Prometheus."""
    page: ServiceMetrics = request.state.telemetry.metrics
    content, media_type = page.text(request.headers.get("accept", ""))
    return Response(content, headers={"Content-Type": media_type})
