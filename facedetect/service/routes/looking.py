"""What `/detect` and `/annotate` have in common."""

from __future__ import annotations

from fastapi import Request

from facedetect.service.schemas import FaceQuery
from facedetect.service.uploads import Uploads, watch_client
from facedetect.service.worker import Job, Outcome, Picture, Worker


async def look_at_image(
    request: Request, query: FaceQuery, picture: Picture | None, worker: Worker, uploads: Uploads
) -> Outcome:
    """Take in the one image of a request and find its faces.

    Raises what `Upload.image` and `Worker.run` raise.
    """
    params, model = query.params(), query.model()
    with uploads.open(request) as upload:
        job = Job(await upload.image(), params, query.max_faces, picture, model)
        async with watch_client(request) as gone:
            return await worker.run(job, gone)
