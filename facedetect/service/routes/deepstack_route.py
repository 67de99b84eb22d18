"""`POST /v1/vision/face`: DeepStack's call, so that cameras made for it work unchanged."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from facedetect.errors import FacedetectError, InvalidParams
from facedetect.service.detection_worker import DetectionJob
from facedetect.service.forms import FormPart
from facedetect.service.problems import answer_to, as_invalid_params
from facedetect.service.routes.dependencies import TheAccessControl, TheUploads, TheWorker
from facedetect.service.routes.openapi import (
    BINARY,
    IMAGE_PROBLEMS,
    answered,
    body_of,
    form_of,
)
from facedetect.service.schemas import DeepStackFailure, DeepStackResponse, FaceQuery
from facedetect.service.uploads import IMAGE_PART, watch_client

_KEY_PART = "api_key"

# DeepStack's clients send more fields than it reads.
_MOST_PARTS = 16

_EXAMPLE = {
    "success": True,
    "predictions": [{"confidence": 0.9999, "y_min": 58, "x_min": 180, "y_max": 174, "x_max": 268}],
    "duration": 25,
}
_FAILURE = {"success": False, "error": "the image is empty: 0 bytes", "duration": 0}
_FAILURES = {
    status: {
        "model": DeepStackFailure,
        "description": answer["description"],
        "content": {"application/json": {"example": _FAILURE}},
    }
    for status, answer in IMAGE_PROBLEMS.items()
}
_BODY = body_of(
    form_of(
        BINARY,
        others={
            "min_confidence": {"type": "number", "minimum": 0, "maximum": 1},
            _KEY_PART: {"type": "string"},
        },
    )
)
_Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class _DeepStackRoute(APIRoute):
    """Tells errors in DeepStack's shape, with the status that they have elsewhere."""

    def get_route_handler(self) -> _Handler:
        handle = super().get_route_handler()

        async def handle_in_shape(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                return _failure(as_invalid_params(error))
            except FacedetectError as error:
                return _failure(error)

        return handle_in_shape


router = APIRouter(route_class=_DeepStackRoute)


@router.post(
    "/v1/vision/face",
    response_model=DeepStackResponse,
    responses={200: answered(_EXAMPLE, "The faces"), **_FAILURES},
    openapi_extra=_BODY,
)
async def vision_face(
    request: Request,
    query: Annotated[FaceQuery, Query()],
    worker: TheWorker,
    uploads: TheUploads,
    access_control: TheAccessControl,
) -> Response:
    """Find faces as DeepStack does: a form with `image` and perhaps `min_confidence`."""
    is_unknown = access_control.needs_form_key(request)
    with uploads.open(request, is_known=not is_unknown) as upload:
        parts: dict[str, FormPart] = {}
        async for part in upload.parts(most=_MOST_PARTS):
            parts[part.name] = part
            if is_unknown and part.name == _KEY_PART:  # often sent before the image
                await access_control.admit(request, _text(part))
                uploads.know(upload)
                is_unknown = False
        if is_unknown:
            await access_control.admit(request, None)
        least = _min_confidence(parts)
        job = DetectionJob(
            _image(parts).take(), query.params(), query.max_faces, model=query.model()
        )
        async with watch_client(request) as gone:
            outcome = await worker.run(job, gone)
    answer = DeepStackResponse.of(outcome, least)
    return Response(answer.model_dump_json(), media_type="application/json")


def _image(parts: dict[str, FormPart]) -> FormPart:
    if IMAGE_PART not in parts:
        raise InvalidParams(
            f"the form has the parts {sorted(parts)}; it takes a file named {IMAGE_PART!r}"
        )
    return parts[IMAGE_PART]


def _text(part: FormPart) -> str:
    return part.take().decode("utf-8", "replace")


def _min_confidence(parts: dict[str, FormPart]) -> float:
    part = parts.get("min_confidence")
    if part is None:
        return 0.0
    text = _text(part)
    with suppress(ValueError):
        if 0 <= (least := float(text)) <= 1:
            return least
    raise InvalidParams(
        f"min_confidence is {text[:40]!r}; it must be a number from 0 to 1, such as 0.8"
    )


def _failure(error: FacedetectError) -> Response:
    """The problem's words, status and headers in DeepStack's shape."""
    problem, headers = answer_to(error)
    failure = DeepStackFailure(error=problem.detail)
    return JSONResponse(failure.model_dump(), status_code=problem.status, headers=headers)
