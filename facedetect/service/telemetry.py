"""What the service reports about itself: durations of stages, detections and errors."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from facedetect.errors import (
    BackendError,
    FacedetectError,
    InvalidSettings,
    Overloaded,
    ServiceError,
)
from facedetect.faces import Detection
from facedetect.service.problems import problem_kind
from facedetect.service.request_context import current_request
from facedetect.service.service_metrics import ServiceMetrics, Stage
from facedetect.settings import ServiceSettings

if TYPE_CHECKING:  # needs an extra
    from facedetect.service.tracing import Tracing


@dataclass
class Elapsed:
    """The duration of a stage, set once it has ended."""

    ms: float = 0.0


class Telemetry:
    """Records what happens to requests, in metrics, traces and request contexts. Thread-safe."""

    def __init__(
        self, metrics: ServiceMetrics | None = None, tracing: Tracing | None = None
    ) -> None:
        self.metrics = metrics or ServiceMetrics()
        self.tracing = tracing

    @classmethod
    def open(cls, settings: ServiceSettings) -> Self:
        """Raises InvalidSettings if traces are enabled without the extra `otel`."""
        metrics = ServiceMetrics(backend=settings.backend.scheme)
        return cls(metrics, _open_tracing(settings.traces_endpoint))

    def close(self) -> None:
        """Send pending spans; takes five seconds at most."""
        if self.tracing is not None:
            self.tracing.close()

    @contextmanager
    def time_stage(self, name: Stage) -> Iterator[Elapsed]:
        """Time one stage of a request, whether it succeeds or fails."""
        elapsed = Elapsed()
        end_span = self.tracing.start_stage(name) if self.tracing else None
        started = time.perf_counter()
        try:
            yield elapsed
        finally:
            seconds = time.perf_counter() - started
            elapsed.ms = round(seconds * 1000, 3)
            self.metrics.stage_seconds[name].observe(seconds)
            current_request().stages.append((name, elapsed.ms))
            if end_span is not None:
                end_span()

    def record_detection(self, detection: Detection) -> None:
        """Record that an image was processed."""
        self.metrics.add_image(detection)
        current_request().faces.append(len(detection.faces))

    def record_error(self, error: FacedetectError) -> None:
        """Count an error that a request, or one image of it, was answered with.

        Only errors of the model and rejections are counted: requests refused before any work.
        """
        slug = problem_kind(error).slug.replace("-", "_")
        if isinstance(error, BackendError):
            self.metrics.backend_errors.labels(slug).inc()
        elif isinstance(error, ServiceError):
            reason = error.reason if type(error) is Overloaded else slug
            self.metrics.rejections.labels(reason).inc()


def _open_tracing(endpoint: str | None) -> Tracing | None:
    if endpoint is None:
        return None
    try:
        from facedetect.service.tracing import Tracing
    except ImportError as error:
        raise InvalidSettings(
            f"FACEDETECT_TRACES_ENDPOINT={endpoint!r} needs OpenTelemetry, which is not "
            "installed; install facedetect with its extra otel"
        ) from error
    return Tracing(endpoint)
