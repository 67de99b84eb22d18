"""`POST /annotate`: the image with its faces drawn or hidden."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from facedetect.service.accept import PICTURES, preferred_type
from facedetect.service.detection_worker import RenderOptions
from facedetect.service.queries import AnnotateQuery
from facedetect.service.routes.dependencies import TheServices, detect_upload
from facedetect.service.routes.openapi import BINARY, IMAGE_BODY, IMAGE_PROBLEMS

router = APIRouter()

_FACE_COUNT = "X-Face-Count"
_OK = {
    "description": "The upright image in the requested format",
    "headers": {
        _FACE_COUNT: {
            "description": "Number of faces drawn or hidden.",
            "required": True,
            "schema": {"type": "integer", "minimum": 0},
        }
    },
    "content": {picture: {"schema": BINARY} for picture in PICTURES},
}


@router.post(
    "/annotate",
    response_class=Response,
    responses={200: _OK, **IMAGE_PROBLEMS},
    openapi_extra=IMAGE_BODY,
)
async def annotate(
    request: Request, query: Annotated[AnnotateQuery, Query()], services: TheServices
) -> Response:
    """Draw the faces or hide them irreversibly; the image's metadata is removed.

    Without `format`, the format is that of the `Accept` header, PNG if it accepts several.
    """

    def render_options(query: AnnotateQuery) -> RenderOptions:
        if "format" in query.model_fields_set:
            return RenderOptions(query.style, f"image/{query.format}")
        accepted = preferred_type(request.headers.get("accept", ""), PICTURES)
        return RenderOptions(query.style, accepted)

    result = await detect_upload(request, query, services, render_options)
    count = {_FACE_COUNT: str(len(result.detection.faces))}
    return Response(result.rendered, media_type=result.media_type, headers=count)
