"""`POST /v1/vision/...`: DeepStack's and CodeProject.AI's calls, for cameras made for them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from facedetect.detection_params import parse_number
from facedetect.errors import FacedetectError, InvalidParams
from facedetect.service.camera_schemas import CUSTOM_MODEL, CameraResponse
from facedetect.service.forms import FormPart
from facedetect.service.problems import (
    CameraFailure,
    ReportableError,
    camera_failure,
    problem_headers,
    report_problem,
)
from facedetect.service.queries import FaceQuery
from facedetect.service.routes.dependencies import TheServices
from facedetect.service.routes.openapi import (
    BINARY,
    IMAGE_PROBLEMS,
    form_content,
    json_response,
    request_body,
)
from facedetect.service.services import Services
from facedetect.service.uploads import IMAGE_PART, Upload, watch_disconnect

_KEY_PART = "api_key"
_CONFIDENCE_PART = "min_confidence"

_OWN_PARTS = {IMAGE_PART, _KEY_PART, _CONFIDENCE_PART}

# DeepStack's clients send more fields than it reads.
_MAX_PARTS = 16

# All give the same answer: every one of these programs finds in it what it looks for.
_CALLS = {
    "vision_face": "/v1/vision/face",
    "vision_face_recognize": "/v1/vision/face/recognize",
    "vision_detection": "/v1/vision/detection",
    "vision_custom_face": f"/v1/vision/custom/{CUSTOM_MODEL}",
}

_FACE = {"confidence": 0.9999, "y_min": 58, "x_min": 180, "y_max": 174, "x_max": 268}
_EXAMPLE = {
    "success": True,
    "predictions": [{**_FACE, "label": "face", "userid": "unknown"}],
    "duration": 25,
}
_FAILURE_EXAMPLE = {"success": False, "error": "the image is empty: 0 bytes", "duration": 0}
_FAILURES = {
    status: {"model": CameraFailure, **json_response(_FAILURE_EXAMPLE, response["description"])}
    for status, response in IMAGE_PROBLEMS.items()
}
_BODY = request_body(
    form_content(
        BINARY,
        other_parts={
            _CONFIDENCE_PART: {"type": "number", "minimum": 0, "maximum": 1},
            _KEY_PART: {"type": "string"},
        },
    )
)


class _CameraRoute(APIRoute):
    """Reports errors in DeepStack's format, with the same status as elsewhere."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_errors(request: Request) -> Response:
            try:
                return await handle(request)
            except (FacedetectError, RequestValidationError) as error:
                return _failure_response(error)

        return handle_errors


router = APIRouter(route_class=_CameraRoute)


async def find_faces(
    request: Request, query: Annotated[FaceQuery, Query()], services: TheServices
) -> CameraResponse:
    """Find faces in the form part `image`, but for those below `min_confidence`."""
    needs_key = await services.access_control.needs_form_key(request)
    with services.uploads.open(request) as upload:
        parts = await _read_form(request, upload, services, needs_key=needs_key)
        min_confidence = _min_confidence(parts)
        job = query.to_job(_image(parts).data)
        async with watch_disconnect(request) as disconnected:
            result = await services.worker.run(job, disconnected)
    return CameraResponse.from_result(result, min_confidence)


for _name, _path in _CALLS.items():
    router.add_api_route(
        _path,
        find_faces,
        name=_name,
        methods=["POST"],
        responses={200: json_response(_EXAMPLE, "The faces"), **_FAILURES},
        openapi_extra=_BODY,
    )


async def _read_form(
    request: Request, upload: Upload, services: Services, *, needs_key: bool
) -> dict[str, FormPart]:
    """Return the parts by name; authenticate as soon as the key arrives, if one is needed."""
    parts: dict[str, FormPart] = {}
    async for part in upload.read_parts(max_parts=_MAX_PARTS):
        if part.name in parts and part.name in _OWN_PARTS:
            raise InvalidParams(f"the form has {part.name!r} more than once; send it once")
        parts[part.name] = part
        if needs_key and part.name == _KEY_PART:  # often sent before the image
            await services.access_control.authorize(request, _text(part))
            upload.pass_to_caller()
            needs_key = False
    if needs_key:
        await services.access_control.authorize(request, None)
    return parts


def _image(parts: dict[str, FormPart]) -> FormPart:
    if IMAGE_PART not in parts:
        names = ", ".join(map(repr, sorted(parts))) or "no parts"
        raise InvalidParams(f"the form has {names}; send a file named {IMAGE_PART!r}")
    return parts[IMAGE_PART]


def _text(part: FormPart) -> str:
    return part.data.decode("utf-8", "replace")


def _min_confidence(parts: dict[str, FormPart]) -> float:
    part = parts.get(_CONFIDENCE_PART)
    if part is None:
        return 0.0
    text = _text(part)
    with suppress(ValueError):
        if 0 <= (min_confidence := parse_number(text)) <= 1:
            return min_confidence
    raise InvalidParams(
        f"{_CONFIDENCE_PART} is {text[:40]!r}; send a number from 0 to 1, such as 0.8"
    )


def _failure_response(error: ReportableError) -> Response:
    """Return a problem's detail, status and headers in DeepStack's format."""
    problem = report_problem(error)
    return camera_failure(problem.status, problem.detail, problem_headers(error))
