"""`GET /version`: the versions of the service and of its model."""

from __future__ import annotations

from fastapi import APIRouter

import facedetect
from facedetect.errors import BackendUnavailable, Forbidden, Unauthorized
from facedetect.service.routes.dependencies import TheServices
from facedetect.service.routes.openapi import problem_responses
from facedetect.service.schemas import ServedModel, VersionResponse

router = APIRouter()


@router.get("/version", responses=problem_responses(Unauthorized, Forbidden))
async def version(services: TheServices) -> VersionResponse:
    """The versions of the service and of its model."""
    try:
        model = ServedModel.from_ref(await services.readiness.check())
    except BackendUnavailable:
        model = None
    return VersionResponse(facedetect=facedetect.__version__, model=model)
