"""`POST /detect`: the faces of one image."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from facedetect.service.detection_worker import RenderOptions
from facedetect.service.routes.dependencies import TheUploads, TheWorker
from facedetect.service.routes.detect_upload import detect_upload
from facedetect.service.routes.openapi import (
    BINARY,
    DETECTION_EXAMPLE,
    IMAGE_BODY,
    IMAGE_PROBLEMS,
    answered,
)
from facedetect.service.schemas import DetectQuery, DetectResponse

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
    wants_png = _prefers_png(request.headers.get("accept", ""))
    picture = RenderOptions() if wants_png or query.annotate else None
    outcome = await detect_upload(request, query, picture, worker, uploads)
    if wants_png:
        return Response(outcome.picture, media_type="image/png")
    answer = DetectResponse.of(outcome, query.params())
    return Response(answer.model_dump_json(exclude_none=True), media_type="application/json")


def _prefers_png(accept: str) -> bool:
    """Whether image/png stands before JSON in an Accept header; weights are not looked at."""
    wanted = [item.split(";")[0].strip().lower() for item in accept.split(",")]
    known = [item for item in wanted if item in {"image/png", "application/json", "*/*"}]
    return known[:1] == ["image/png"]
