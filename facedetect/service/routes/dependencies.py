"""What the calls are given."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from facedetect.service.access_control import AccessControl
from facedetect.service.detection_worker import DetectionWorker
from facedetect.service.readiness import Readiness
from facedetect.service.uploads import Uploads


async def _worker(request: Request) -> DetectionWorker:
    worker: DetectionWorker = request.state.worker
    return worker


async def _uploads(request: Request) -> Uploads:
    uploads: Uploads = request.state.uploads
    return uploads


async def _readiness(request: Request) -> Readiness:
    readiness: Readiness = request.state.readiness
    return readiness


async def _access_control(request: Request) -> AccessControl:
    access_control: AccessControl = request.state.access_control
    return access_control


TheWorker = Annotated[DetectionWorker, Depends(_worker)]
TheUploads = Annotated[Uploads, Depends(_uploads)]
TheReadiness = Annotated[Readiness, Depends(_readiness)]
TheAccessControl = Annotated[AccessControl, Depends(_access_control)]


async def check_room(worker: TheWorker) -> None:
    """Turn a request away before its body is read, if there is no room for its image."""
    worker.admission.check_room()
