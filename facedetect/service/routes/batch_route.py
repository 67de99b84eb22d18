"""`POST /detect/batch`: the faces of several images, each with a result of its own."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

from fastapi import APIRouter, Query, Request

from facedetect.errors import FacedetectError, UnsupportedImage
from facedetect.service.forms import FormPart
from facedetect.service.problems import report_problem
from facedetect.service.queries import FaceQuery
from facedetect.service.routes.dependencies import TheServices
from facedetect.service.routes.openapi import (
    BINARY,
    DETECTION_EXAMPLE,
    IMAGE_PROBLEMS,
    example_problem,
    form_content,
    json_response,
    request_body,
)
from facedetect.service.schemas import BatchResponse, BatchResult, BatchTimings, DetectResponse
from facedetect.service.services import Services
from facedetect.service.uploads import watch_disconnect

router = APIRouter()

_BODY = request_body(form_content({"type": "array", "items": BINARY, "minItems": 1}))
_EXAMPLE = {
    "results": [
        {"filename": "portrait.jpg", "detection": DETECTION_EXAMPLE},
        {"filename": "notes.txt", "problem": example_problem(UnsupportedImage)},
    ],
    "timings_ms": {"total": 48.9},
}


@router.post(
    "/detect/batch",
    response_model_exclude_none=True,
    responses={
        200: json_response(_EXAMPLE, "A detection or a problem for each image, in order"),
        **IMAGE_PROBLEMS,
    },
    openapi_extra=_BODY,
)
async def detect_batch(
    request: Request, query: Annotated[FaceQuery, Query()], services: TheServices
) -> BatchResponse:
    """Find the faces in several images, the form parts `image`. A bad image fails alone."""
    with services.uploads.open(request) as upload:
        images = await upload.read_batch()
        started = time.monotonic()
        results = await _detect_all(request, images, query, services)
    total_ms = round((time.monotonic() - started) * 1000, 3)
    return BatchResponse(results=results, timings_ms=BatchTimings(total=total_ms))


async def _detect_all(
    request: Request, images: list[FormPart], query: FaceQuery, services: Services
) -> list[BatchResult]:
    """Submit as many images at a time as there are threads: the rest must not fill the queue."""
    turns = asyncio.Semaphore(services.settings.threads)
    async with watch_disconnect(request) as disconnected:

        async def detect_one(image: FormPart) -> BatchResult:
            async with turns:
                return await _detect(image, query, services, disconnected)

        results = await asyncio.gather(*map(detect_one, images), return_exceptions=True)
    return [_raise_exception(result) for result in results]


async def _detect(
    image: FormPart, query: FaceQuery, services: Services, disconnected: asyncio.Future[None]
) -> BatchResult:
    try:
        result = await services.worker.run(query.to_job(image.data), disconnected)
    except FacedetectError as error:
        return BatchResult(filename=image.filename, problem=report_problem(error))
    detection = DetectResponse.from_result(result)
    return BatchResult(filename=image.filename, detection=detection)


def _raise_exception(result: BatchResult | BaseException) -> BatchResult:
    if isinstance(result, BaseException):
        raise result
    return result
