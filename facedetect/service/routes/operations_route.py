"""What operators and orchestrators ask."""

from __future__ import annotations

from fastapi import APIRouter

import facedetect
from facedetect.errors import BackendUnavailable, Forbidden, Unauthorized
from facedetect.service.problems import documented
from facedetect.service.routes.dependencies import TheReadiness
from facedetect.service.schemas import HealthResponse, ReadyResponse, ServedModel, VersionResponse

router = APIRouter(tags=["operations"])
health = APIRouter(tags=["operations"])
"""What orchestrators ask, who have no key."""


@health.head("/healthz", include_in_schema=False)
@health.get("/healthz")
async def healthz() -> HealthResponse:
    """The process is alive; says nothing of the model."""
    return HealthResponse()


@health.head("/readyz", include_in_schema=False)
@health.get("/readyz", responses=documented(BackendUnavailable))
async def readyz(readiness: TheReadiness) -> ReadyResponse:
    """The model would answer now; 503 with the reason if it would not."""
    return ReadyResponse(model=ServedModel.of(await readiness.check()))


@router.get("/version", responses=documented(Unauthorized, Forbidden))
async def version(readiness: TheReadiness) -> VersionResponse:
    """What is running here."""
    try:
        model = ServedModel.of(await readiness.check())
    except BackendUnavailable:
        model = None
    return VersionResponse(facedetect=facedetect.__version__, model=model)
