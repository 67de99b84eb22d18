"""What the endpoints share."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from facedetect.service.detection_worker import DetectionResult, RenderOptions
from facedetect.service.request_context import current_request
from facedetect.service.schemas import FaceQuery
from facedetect.service.services import Services
from facedetect.service.uploads import watch_disconnect


async def _services(request: Request) -> Services:
    services: Services = request.state.services
    return services


TheServices = Annotated[Services, Depends(_services)]


async def check_room(services: TheServices) -> None:
    """Raise Overloaded, before the body is read, if there is no room for another image."""
    services.worker.admission.check_room(current_request().caller_id)


async def detect_upload(
    request: Request, query: FaceQuery, services: Services, render_options: RenderOptions | None
) -> DetectionResult:
    """Read the image of a request and find its faces.

    Raises like `Upload.read_image` and `DetectionWorker.run`.
    """
    with services.uploads.open(request) as upload:
        job = query.to_job(await upload.read_image(), render_options)
        async with watch_disconnect(request) as disconnected:
            return await services.worker.run(job, disconnected)
