"""What operators and orchestrators ask."""

from __future__ import annotations

from fastapi import APIRouter

import facedetect
from facedetect.errors import BackendUnavailable, Forbidden, Unauthorized
from facedetect.service.problems import documented
from facedetect.service.routes.dependencies import TheReadiness
from facedetect.service.schemas import Health, Ready, ServedModel, Version

router = APIRouter(tags=["operations"])
health = APIRouter(tags=["operations"])
"""What orchestrators ask, who have no key."""


@health.head("/healthz", include_in_schema=False)
@health.get("/healthz")
async def healthz() -> Health:
    """The process is alive; says nothing of the model."""
    return Health()


@health.head("/readyz", include_in_schema=False)
@health.get("/readyz", responses=documented(BackendUnavailable))
async def readyz(readiness: TheReadiness) -> Ready:
    """The model would answer now; 503 with the reason if it would not."""
    return Ready(model=ServedModel.of(await readiness.check()))


@router.get("/version", responses=documented(Unauthorized, Forbidden))
async def version(readiness: TheReadiness) -> Version:
    """What is running here."""
    try:
        model = ServedModel.of(await readiness.check())
    except BackendUnavailable:
        model = None
    return Version(facedetect=facedetect.__version__, model=model)
