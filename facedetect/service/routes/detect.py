"""`POST /detect`: the faces of one image."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from facedetect.service.routes.dependencies import TheUploads, TheWorker
from facedetect.service.routes.documents import (
    BINARY,
    DETECTION_EXAMPLE,
    IMAGE_BODY,
    IMAGE_PROBLEMS,
    answered,
)
from facedetect.service.schemas import DetectQuery, DetectResponse
from facedetect.service.uploads import watch_client
from facedetect.service.worker import Job, Picture

router = APIRouter()

_OK = answered(
    DETECTION_EXAMPLE, "The faces, or with `Accept: image/png` the image with the faces drawn"
)
_OK["content"]["image/png"] = {"schema": BINARY}


@router.post(
    "/detect",
    response_model=DetectResponse,
    responses={200: _OK, **IMAGE_PROBLEMS},
    openapi_extra=IMAGE_BODY,
)
async def detect(
    request: Request,
    query: Annotated[DetectQuery, Query()],
    worker: TheWorker,
    uploads: TheUploads,
) -> Response:
    """Find the faces in an image: the form's part `image`, or the whole body as `image/*`."""
    params, choice = query.params(), query.choice()
    wants_png = _prefers_png(request.headers.get("accept", ""))
    picture = Picture() if wants_png or query.annotate else None
    with uploads.open(request) as upload:
        job = Job(await upload.image(), params, query.max_faces, picture, choice)
        async with watch_client(request) as gone:
            outcome = await worker.run(job, gone)
    if wants_png:
        return Response(outcome.picture, media_type="image/png")
    answer = DetectResponse.of(outcome, params)
    return Response(answer.model_dump_json(exclude_none=True), media_type="application/json")


def _prefers_png(accept: str) -> bool:
    """Whether image/png stands before JSON in an Accept header; weights are not looked at."""
    wanted = [item.split(";")[0].strip().lower() for item in accept.split(",")]
    known = [item for item in wanted if item in {"image/png", "application/json", "*/*"}]
    return known[:1] == ["image/png"]
