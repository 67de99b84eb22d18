"""`POST /detect`: the faces of one image."""

from __future__ import annotations

import re
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Query, Request, Response

from facedetect.service.detection_worker import RenderOptions
from facedetect.service.routes.dependencies import TheServices, detect_upload
from facedetect.service.routes.openapi import (
    BINARY,
    DETECTION_EXAMPLE,
    IMAGE_BODY,
    IMAGE_PROBLEMS,
    json_response,
)
from facedetect.service.schemas import DetectQuery, DetectResponse

router = APIRouter()

_QUALITY = re.compile(r"[01](\.\d{0,3})?")

_OK = json_response(
    DETECTION_EXAMPLE, "The faces; with `Accept: image/png`, the image with the faces drawn"
)
_OK["content"]["image/png"] = {"schema": BINARY}


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
    """Find the faces in an image: the form part `image`, or the whole body as `image/*`."""
    wants_png = _prefers_png(request.headers.get("accept", ""))
    render_options = RenderOptions() if wants_png or query.annotate else None
    result = await detect_upload(request, query, services, render_options)
    if wants_png:
        return Response(result.rendered, media_type="image/png")
    response = DetectResponse.from_result(result, query.detection_params())
    if result.rendered is None:
        return response
    body = await to_thread.run_sync(response.to_json, result.rendered)
    return Response(body, media_type="application/json")


def _prefers_png(accept: str) -> bool:
    """Whether an Accept header weighs image/png more than JSON, or as much and names it first."""
    png = _preference(accept, "image", "png")
    return png[0] > 0 and png > _preference(accept, "application", "json")


def _preference(accept: str, kind: str, subtype: str) -> tuple[float, int]:
    """The weight of a media type by the most specific range that it is in, and minus its place.

    RFC 9110, section 12.5.1.
    """
    ranges = ["*/*", f"{kind}/*", f"{kind}/{subtype}"]
    found = (-1, 0.0, 0)
    for place, item in enumerate(accept.split(",")):
        name, *parameters = (part.strip().lower() for part in item.split(";"))
        if name in ranges:
            found = max(found, (ranges.index(name), _weight(parameters), -place))
    return found[1:]


def _weight(parameters: list[str]) -> float:
    """The parameter q, 1 if there is none or it is no number from 0 to 1."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q" and _QUALITY.fullmatch(value.strip()):
            return float(value)
    return 1.0
