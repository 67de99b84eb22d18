"""`POST /detect/batch`: the faces of several images, each with its own answer."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from facedetect.errors import FacedetectError, InvalidParams
from facedetect.service.detection_worker import DetectionJob, DetectionWorker
from facedetect.service.forms import FormPart
from facedetect.service.problems import problem_of
from facedetect.service.routes.dependencies import TheUploads, TheWorker
from facedetect.service.routes.openapi import (
    BINARY,
    DETECTION_EXAMPLE,
    IMAGE_PROBLEMS,
    answered,
    body_of,
    form_of,
)
from facedetect.service.schemas import (
    BatchResponse,
    BatchResult,
    BatchTimings,
    DetectResponse,
    FaceQuery,
)
from facedetect.service.uploads import IMAGE_PART, watch_client

router = APIRouter()

_BODY = body_of(form_of({"type": "array", "items": BINARY, "minItems": 1}))
_EXAMPLE = {
    "results": [
        {"filename": "portrait.jpg", "detection": DETECTION_EXAMPLE},
        {
            "filename": "notes.txt",
            "problem": {
                "type": "urn:facedetect:problem:unsupported-image",
                "title": "The format is not supported",
                "status": 415,
                "detail": "the bytes are no image in a supported format; send JPEG or PNG",
            },
        },
    ],
    "timings_ms": {"total": 48.9},
}


@router.post(
    "/detect/batch",
    response_model=BatchResponse,
    responses={
        200: answered(_EXAMPLE, "One detection or problem for each image, in order"),
        **IMAGE_PROBLEMS,
    },
    openapi_extra=_BODY,
)
async def detect_batch(
    request: Request,
    query: Annotated[FaceQuery, Query()],
    worker: TheWorker,
    uploads: TheUploads,
) -> Response:
    """Find the faces in several images, the form's parts `image`; one that fails stops no other."""
    query.params(), query.model()
    with uploads.open(request) as upload:
        parts = [_checked(part) async for part in upload.batch()]
        if not parts:
            raise InvalidParams(f"the form is empty; {_HOW}")
        started = time.monotonic()
        results = await _detect_all(request, parts, query, worker)
    total_ms = round((time.monotonic() - started) * 1000, 3)
    answer = BatchResponse(results=results, timings_ms=BatchTimings(total=total_ms))
    return Response(answer.model_dump_json(exclude_none=True), media_type="application/json")


_HOW = f"it takes files named {IMAGE_PART!r}, as in curl -F image=@a.jpg -F image=@b.jpg"


def _checked(part: FormPart) -> FormPart:
    if part.name != IMAGE_PART or part.filename is None:
        raise InvalidParams(f"the form has the part {part.name!r}; {_HOW}")
    return part


async def _detect_all(
    request: Request, parts: list[FormPart], query: FaceQuery, worker: DetectionWorker
) -> list[BatchResult]:
    """As many of the batch at a time as there are threads: the rest does not fill the queue."""
    turns = asyncio.Semaphore(worker.threads)
    async with watch_client(request) as gone:

        async def detect_one(part: FormPart) -> BatchResult:
            async with turns:
                return await _detect(part, query, worker, gone)

        results = await asyncio.gather(*map(detect_one, parts), return_exceptions=True)
    return [_unless_raised(result) for result in results]


async def _detect(
    part: FormPart, query: FaceQuery, worker: DetectionWorker, gone: asyncio.Future[None]
) -> BatchResult:
    params = query.params()
    try:
        job = DetectionJob(part.take(), params, query.max_faces, model=query.model())
        outcome = await worker.run(job, gone)
    except FacedetectError as error:
        return BatchResult(filename=part.filename, problem=problem_of(error))
    return BatchResult(filename=part.filename, detection=DetectResponse.of(outcome, params))


def _unless_raised(result: BatchResult | BaseException) -> BatchResult:
    if isinstance(result, BaseException):
        raise result
    return result
