"""What `/detect` and `/annotate` have in common."""

from __future__ import annotations

from fastapi import Request

from facedetect.service.detection_worker import (
    DetectionJob,
    DetectionResult,
    DetectionWorker,
    RenderOptions,
)
from facedetect.service.schemas import FaceQuery
from facedetect.service.uploads import Uploads, watch_client


async def detect_upload(
    request: Request,
    query: FaceQuery,
    picture: RenderOptions | None,
    worker: DetectionWorker,
    uploads: Uploads,
) -> DetectionResult:
    """Take in the one image of a request and find its faces.

    Raises what `Upload.image` and `DetectionWorker.run` raise.
    """
    params, model = query.params(), query.model()
    with uploads.open(request) as upload:
        job = DetectionJob(await upload.image(), params, query.max_faces, picture, model)
        async with watch_client(request) as gone:
            return await worker.run(job, gone)
