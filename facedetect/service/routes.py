"""The HTTP calls."""

from __future__ import annotations

import base64
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

import facedetect
from facedetect.errors import (
    BackendProtocolError,
    BackendTimeout,
    BackendUnavailable,
    ImageTooLarge,
    InvalidImage,
    InvalidParams,
    UnsupportedImage,
)
from facedetect.service.problems import documented
from facedetect.service.readiness import Readiness
from facedetect.service.schemas import (
    DetectQuery,
    DetectResponse,
    Health,
    ImageSize,
    Ready,
    Timings,
    Version,
)
from facedetect.service.uploads import IMAGE_PART, read_image
from facedetect.service.worker import Job, Outcome, Worker

router = APIRouter()

_BINARY = {"type": "string", "format": "binary"}
_IMAGE_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {IMAGE_PART: _BINARY},
                    "required": [IMAGE_PART],
                }
            },
            "image/*": {"schema": _BINARY},
        },
    }
}
_DETECT_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The faces, or with `Accept: image/png` the image with the faces drawn",
        "content": {"image/png": {"schema": _BINARY}},
    },
    **documented(
        InvalidImage,
        UnsupportedImage,
        ImageTooLarge,
        InvalidParams,
        BackendUnavailable,
        BackendTimeout,
        BackendProtocolError,
    ),
}


async def _worker(request: Request) -> Worker:
    worker: Worker = request.state.worker
    return worker


async def _readiness(request: Request) -> Readiness:
    readiness: Readiness = request.state.readiness
    return readiness


TheWorker = Annotated[Worker, Depends(_worker)]
TheReadiness = Annotated[Readiness, Depends(_readiness)]


@router.post(
    "/detect",
    tags=["faces"],
    response_model=DetectResponse,
    responses=_DETECT_RESPONSES,
    openapi_extra=_IMAGE_BODY,
)
async def detect(
    request: Request, query: Annotated[DetectQuery, Query()], worker: TheWorker
) -> Response:
    """Find the faces in an image: the form's part `image`, or the whole body as `image/*`."""
    params, choice = query.params(), query.choice()
    data = await read_image(request, worker.detector.limits)
    wants_png = _prefers_png(request.headers.get("accept", ""))
    draw = wants_png or query.annotate
    outcome = await worker.run(Job(data, params, query.max_faces, draw, choice))
    if wants_png:
        return Response(outcome.annotated_png, media_type="image/png")
    answer = _to_response(outcome, query)
    return Response(answer.model_dump_json(exclude_none=True), media_type="application/json")


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz", tags=["operations"])
async def healthz() -> Health:
    """The process is alive; says nothing of the model."""
    return Health()


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", tags=["operations"], responses=documented(BackendUnavailable))
def readyz(readiness: TheReadiness) -> Ready:
    """The model would answer now; 503 with the reason if it would not."""
    return Ready(model=readiness.check())


@router.get("/version", tags=["operations"])
def version(readiness: TheReadiness) -> Version:
    """What is running here."""
    try:
        model = readiness.check()
    except BackendUnavailable:
        model = None
    return Version(facedetect=facedetect.__version__, model=model)


def _prefers_png(accept: str) -> bool:
    """Whether image/png stands before JSON in an Accept header; weights are not looked at."""
    wanted = [item.split(";")[0].strip().lower() for item in accept.split(",")]
    known = [item for item in wanted if item in {"image/png", "application/json", "*/*"}]
    return known[:1] == ["image/png"]


def _to_response(outcome: Outcome, query: DetectQuery) -> DetectResponse:
    found, png = outcome.found, outcome.annotated_png
    return DetectResponse(
        image=ImageSize(width=found.width, height=found.height),
        faces=found.faces,
        parameters=query.params(),
        model=found.model,
        timings_ms=Timings(
            decode=outcome.decode_ms,
            queue=outcome.queue_ms,
            predict=outcome.predict_ms,
            total=outcome.total_ms,
        ),
        annotated_png=None if png is None else base64.b64encode(png).decode("ascii"),
    )
