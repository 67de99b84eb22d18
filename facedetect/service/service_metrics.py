"""Metrics for Prometheus. Every label has few values, and clients cannot choose any."""

from __future__ import annotations

from functools import partial
from typing import get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

import facedetect
from facedetect.errors import BackendError, FacedetectError, Overloaded, ServiceError
from facedetect.faces import Detection
from facedetect.service.admission import AdmissionQueue
from facedetect.service.problems import KINDS, problem_kind
from facedetect.service.request_context import RequestContext, StageName
from facedetect.service.unread_responses import UnreadResponses
from facedetect.service.uploads import Uploads

# Exported as 0 from the start, so that Prometheus sees the first event as an increase.
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
_BACKEND_ERRORS = [kind.label for error, kind in KINDS.items() if issubclass(error, BackendError)]

_REQUEST_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_STAGE_BOUNDS_S = (0.001, 0.0025, *_REQUEST_BOUNDS_S[:-1])
_FACE_BOUNDS = (0, 1, 2, 3, 5, 10, 20, 50, 100)
_MEGAPIXEL_BOUNDS = (0.1, 0.3, 0.5, 1, 2, 4, 8, 12, 25, 50)


class ServiceMetrics:
    """The metrics of one service and of its process. Thread-safe."""

    def __init__(self, backend: str = "") -> None:
        # `_created` samples would nearly double the number of lines.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = registry = CollectorRegistry()
        counter = partial(Counter, registry=registry)
        histogram = partial(Histogram, registry=registry)
        self._requests = counter(
            "facedetect_requests_total",
            "Requests answered; status 499: the client disconnected first",
            ["method", "route", "status"],
        )
        self._request_seconds = histogram(
            "facedetect_request_seconds",
            "Time from a request's head to the end of its response",
            ["route"],
            buckets=_REQUEST_BOUNDS_S,
        )
        self.requests_in_progress = Gauge(
            "facedetect_requests_in_progress",
            "Requests in progress, including this one",
            registry=registry,
        )
        self._stage_seconds = histogram(
            "facedetect_stage_seconds",
            "Duration of one stage of processing",
            ["stage"],
            buckets=_STAGE_BOUNDS_S,
        )
        self._faces = histogram(
            "facedetect_faces_per_image", "Faces returned for an image", buckets=_FACE_BOUNDS
        )
        self._megapixels = histogram(
            "facedetect_image_megapixels", "Image size in megapixels", buckets=_MEGAPIXEL_BOUNDS
        )
        self._images = counter(
            "facedetect_images_total", "Images processed, by model", ["model", "version"]
        )
        self._rejections = counter(
            "facedetect_rejections_total", "Requests rejected before processing", ["reason"]
        )
        self._backend_errors = counter(
            "facedetect_backend_errors_total", "Images that the model failed to process", ["kind"]
        )
        for metric, values in (
            (self._stage_seconds, get_args(StageName)),
            (self._rejections, _REJECTION_REASONS),
            (self._backend_errors, _BACKEND_ERRORS),
        ):
            for value in values:
                metric.labels(value)
        build = Info("facedetect_build", "Version and backend", registry=registry)
        build.info({"version": facedetect.__version__, "backend": backend})
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)

    def watch_load(
        self, admission: AdmissionQueue, uploads: Uploads, unread_responses: UnreadResponses
    ) -> None:
        """Add gauges that are read whenever the metrics are exported."""
        for name, help_text, read in (
            ("facedetect_queued_images", "Images waiting for a thread", lambda: admission.queued),
            (
                "facedetect_longest_wait_seconds",
                "Predicted wait of an image behind all waiting images",
                lambda: admission.longest_wait_s,
            ),
            ("facedetect_running_images", "Images being processed", lambda: admission.running),
            ("facedetect_upload_bytes_held", "Bytes held by uploads", lambda: uploads.held_bytes),
            (
                "facedetect_answer_bytes_held",
                "Bytes of responses that clients have not read",
                lambda: unread_responses.held_bytes,
            ),
        ):
            Gauge(name, help_text, registry=self.registry).set_function(read)

    def add_request(self, request: RequestContext) -> None:
        """Count a completed request and, unless it is a probe, its stages, images and errors."""
        self._requests.labels(request.method, request.route, request.status).inc()
        self._request_seconds.labels(request.route).observe(request.seconds)
        if request.is_probe:
            return
        for stage in request.stages:
            self._stage_seconds.labels(stage.name).observe(stage.ms / 1000)
        for detection in request.detections:
            self._add_image(detection)
        for error in request.errors:
            self._add_error(error)

    def _add_image(self, detection: Detection) -> None:
        self._faces.observe(len(detection.faces))
        self._megapixels.observe(detection.width * detection.height / 1e6)
        model = detection.model
        version = "unknown" if model.version is None else model.version
        self._images.labels(model.name, version).inc()

    def _add_error(self, error: FacedetectError) -> None:
        """Count model errors, and rejections before any work."""
        label = problem_kind(error).label
        if isinstance(error, BackendError):
            self._backend_errors.labels(label).inc()
        elif isinstance(error, ServiceError):
            reason = error.reason if type(error) is Overloaded else label
            self._rejections.labels(reason).inc()
