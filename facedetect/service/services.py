"""What the routes and the middleware use, built in one place."""

from __future__ import annotations

from dataclasses import dataclass

from facedetect.detector import Detector
from facedetect.service.access_control import AccessControl
from facedetect.service.detection_worker import DetectionWorker
from facedetect.service.readiness import Readiness
from facedetect.service.telemetry import Telemetry
from facedetect.service.uploads import Uploads
from facedetect.settings import ServiceSettings


@dataclass(frozen=True)
class Services:
    """One of each per application. A new part of the service is a field here."""

    settings: ServiceSettings
    detector: Detector
    telemetry: Telemetry
    access_control: AccessControl
    uploads: Uploads
    worker: DetectionWorker
    readiness: Readiness


def build_services(settings: ServiceSettings, detector: Detector) -> Services:
    """Raises InvalidSettings for an unusable key file, a bad rate limit or a missing extra."""
    telemetry = Telemetry.open(settings)
    uploads = Uploads(settings, telemetry)
    worker = DetectionWorker(detector, settings, telemetry)
    telemetry.metrics.watch_load(
        queued=lambda: worker.admission.queued,
        running=lambda: worker.admission.running,
        upload_bytes=lambda: uploads.held_bytes,
    )
    return Services(
        settings=settings,
        detector=detector,
        telemetry=telemetry,
        access_control=AccessControl(settings),
        uploads=uploads,
        worker=worker,
        readiness=Readiness(detector.backend),
    )
