"""`POST /detect`: the faces of one image."""

from __future__ import annotations

from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Query, Request, Response

from facedetect.service.accept import JSON, PICTURES, preferred_type
from facedetect.service.detection_worker import RenderOptions
from facedetect.service.queries import DetectQuery
from facedetect.service.routes.dependencies import TheServices, detect_upload
from facedetect.service.routes.openapi import (
    DETECTION_EXAMPLE,
    IMAGE_BODY,
    IMAGE_PROBLEMS,
    json_response,
)
from facedetect.service.schemas import DetectResponse

router = APIRouter()

# The picture is not among the documented content: generated clients would have to tell it from
# the faces, and nobody asks them for it.
_OK = json_response(
    DETECTION_EXAMPLE,
    "The faces; with `Accept: image/png`, `image/jpeg` or `image/webp`, the image with the faces "
    "drawn",
)


@router.post(
    "/detect",
    response_model=DetectResponse,
    response_model_exclude_none=True,
    responses={200: _OK, **IMAGE_PROBLEMS},
    openapi_extra=IMAGE_BODY,
)
async def detect(
    request: Request, query: Annotated[DetectQuery, Query()], services: TheServices
) -> DetectResponse | Response:
    """Find the faces in an image: the form part `image`, the whole body, or base64 in JSON.

    The body's type may also be `image/*`, such as `image/jpeg`. JSON may hold the parameters, too.
    """
    accepted = preferred_type(request.headers.get("accept", ""), (JSON, *PICTURES))

    def render_options(query: DetectQuery) -> RenderOptions | None:
        if accepted != JSON:
            return RenderOptions(media_type=accepted)
        return RenderOptions() if query.annotate else None

    result = await detect_upload(request, query, services, render_options)
    if accepted != JSON:
        return Response(result.rendered, media_type=accepted)
    response = DetectResponse.from_result(result)
    if result.rendered is None:
        return response
    body = await to_thread.run_sync(response.to_json, result.rendered)
    return Response(body, media_type=JSON)
