"""`POST /annotate`: an image back, its faces drawn or hidden."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from facedetect.service.detection_worker import RenderOptions
from facedetect.service.routes.dependencies import TheUploads, TheWorker
from facedetect.service.routes.detect_upload import detect_upload
from facedetect.service.routes.openapi import BINARY, IMAGE_BODY, IMAGE_PROBLEMS
from facedetect.service.schemas import AnnotateQuery

router = APIRouter()

_FACE_COUNT = "X-Face-Count"
_OK = {
    "description": "The image, upright, in the format asked for",
    "headers": {
        _FACE_COUNT: {
            "description": "How many faces were drawn or hidden.",
            "required": True,
            "schema": {"type": "integer", "minimum": 0},
        }
    },
    "content": {f"image/{format_}": {"schema": BINARY} for format_ in ("png", "jpeg", "webp")},
}


@router.post(
    "/annotate",
    response_class=Response,
    responses={200: _OK, **IMAGE_PROBLEMS},
    openapi_extra=IMAGE_BODY,
)
async def annotate(
    request: Request,
    query: Annotated[AnnotateQuery, Query()],
    worker: TheWorker,
    uploads: TheUploads,
) -> Response:
    """Draw the faces, or hide them for good, and give the image back without its metadata."""
    picture = RenderOptions(query.style, f".{query.format}")
    outcome = await detect_upload(request, query, picture, worker, uploads)
    count = {_FACE_COUNT: str(len(outcome.found.faces))}
    return Response(outcome.picture, media_type=f"image/{query.format}", headers=count)
