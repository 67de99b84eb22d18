"""From a request with one image to its faces: what `/detect` and `/annotate` share."""

from __future__ import annotations

from fastapi import Request

from facedetect.service.detection_worker import DetectionResult, RenderOptions
from facedetect.service.schemas import FaceQuery
from facedetect.service.services import Services
from facedetect.service.uploads import watch_disconnect


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
