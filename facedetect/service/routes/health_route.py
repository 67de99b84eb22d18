"""`GET /healthz` and `GET /readyz`: probes for orchestrators, which have no API key."""

from __future__ import annotations

from fastapi import APIRouter

from facedetect.errors import BackendUnavailable
from facedetect.service.routes.dependencies import TheServices
from facedetect.service.routes.openapi import problem_responses
from facedetect.service.schemas import HealthResponse, ReadyResponse, ServedModel

router = APIRouter()


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz")
async def healthz() -> HealthResponse:
    """The process is alive; says nothing about the model."""
    return HealthResponse()


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", responses=problem_responses(BackendUnavailable))
async def readyz(services: TheServices) -> ReadyResponse:
    """The model is ready to answer; 503 with the reason otherwise."""
    return ReadyResponse(model=ServedModel.from_ref(await services.readiness.check()))
