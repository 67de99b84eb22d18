"""The objects that routes and middleware use, built in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from facedetect.detector import Detector
from facedetect.extras import requires_extra
from facedetect.service.access_control import AccessControl
from facedetect.service.detection_worker import DetectionWorker
from facedetect.service.readiness import Readiness
from facedetect.service.service_metrics import ServiceMetrics
from facedetect.service.unread_responses import UnreadResponses
from facedetect.service.uploads import Uploads
from facedetect.settings import ServiceSettings

if TYPE_CHECKING:  # needs an extra
    from facedetect.service.tracing import Tracing


@dataclass(frozen=True)
class Services:
    """One of each per application. Add a field for each new part of the service."""

    settings: ServiceSettings
    detector: Detector
    metrics: ServiceMetrics
    tracing: Tracing | None
    access_control: AccessControl
    uploads: Uploads
    worker: DetectionWorker
    unread_responses: UnreadResponses
    readiness: Readiness


def build_services(settings: ServiceSettings, detector: Detector) -> Services:
    """Build all services; raises InvalidSettings for bad key files, rate limits or extras."""
    uploads = Uploads(settings)
    worker = DetectionWorker(detector, settings)
    metrics = ServiceMetrics(settings.backend.scheme)
    unread_responses = UnreadResponses(settings.max_answer_memory)
    metrics.watch_load(worker.admission, uploads, unread_responses)
    return Services(
        settings=settings,
        detector=detector,
        metrics=metrics,
        tracing=_open_tracing(settings.traces_endpoint),
        access_control=AccessControl(settings),
        uploads=uploads,
        worker=worker,
        unread_responses=unread_responses,
        readiness=Readiness(detector.backend),
    )


def _open_tracing(endpoint: str | None) -> Tracing | None:
    if endpoint is None:
        return None
    with requires_extra(f"FACEDETECT_TRACES_ENDPOINT={endpoint!r}", "otel"):
        from facedetect.service.tracing import Tracing
    return Tracing(endpoint)
