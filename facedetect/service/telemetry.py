"""What the service tells of itself: the time of each stage, what was found, what was refused."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
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
from facedetect.service.problems import kind_of
from facedetect.service.request_context import current_request
from facedetect.service.service_metrics import ServiceMetrics, Stage
from facedetect.settings import ServiceSettings

if TYPE_CHECKING:  # it needs an extra
    from facedetect.service.tracing import Tracing


@dataclass
class Elapsed:
    """How long a stage took, known once it has ended."""

    ms: float = 0.0


class Telemetry:
    """Takes note of what happens to requests. Thread-safe."""

    def __init__(
        self, metrics: ServiceMetrics | None = None, tracing: Tracing | None = None
    ) -> None:
        self.metrics = metrics or ServiceMetrics()
        self.tracing = tracing

    @classmethod
    def open(cls, settings: ServiceSettings) -> Self:
        """What the settings ask for. Raises InvalidSettings if traces lack their extra."""
        metrics = ServiceMetrics(backend=settings.backend.scheme)
        return cls(metrics, _open_tracing(settings.traces_endpoint))

    def close(self) -> None:
        """Send what has not been sent; takes some seconds at most."""
        if self.tracing is not None:
            self.tracing.close()

    @contextmanager
    def stage(self, name: Stage) -> Iterator[Elapsed]:
        """Time one stage of a request, whether it ends well or not."""
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

    def found(self, detection: Detection) -> None:
        """An image was looked at."""
        self.metrics.add_image(detection)
        current_request().faces.append(len(detection.faces))

    def rejected(self, reason: str) -> None:
        """A request was turned away before any work on it: `queue_full`, `upload_memory`, ...

        The reason is one of few, and never what a stranger has sent.
        """
        self.metrics.rejections.labels(reason).inc()

    def failed(self, error: FacedetectError) -> None:
        """A request, or one image of it, was answered with this error."""
        kind = kind_of(error).slug.replace("-", "_")
        if isinstance(error, BackendError):
            self.metrics.backend_errors.labels(kind).inc()
        elif type(error) is Overloaded:
            self.rejected(error.reason)
        elif isinstance(error, ServiceError):
            self.rejected(kind)

    def watch(
        self,
        *,
        queued: Callable[[], float],
        running: Callable[[], float],
        held_bytes: Callable[[], float],
    ) -> None:
        """Ask these whenever the metrics are read: images waiting, images and bytes under work."""
        self.metrics.queued_images.set_function(queued)
        self.metrics.running_images.set_function(running)
        self.metrics.upload_bytes_held.set_function(held_bytes)


def _open_tracing(endpoint: str | None) -> Tracing | None:
    if endpoint is None:
        return None
    try:
        from facedetect.service.tracing import Tracing
    except ImportError as error:
        raise InvalidSettings(
            f"FACEDETECT_TRACES_ENDPOINT={endpoint!r} needs OpenTelemetry, which is not installed; "
            "install facedetect with its extra otel"
        ) from error
    return Tracing(endpoint)
