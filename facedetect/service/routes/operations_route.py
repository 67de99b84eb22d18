"""About the service itself: `GET /healthz`, `GET /readyz`, `GET /version` and `GET /metrics`."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from prometheus_client.exposition import choose_encoder

import facedetect
from facedetect.errors import BackendUnavailable, Forbidden, Unauthorized
from facedetect.service.routes.dependencies import TheServices
from facedetect.service.routes.openapi import problem_responses
from facedetect.service.schemas import HealthResponse, ReadyResponse, ServedModel, VersionResponse

version_router = APIRouter()
metrics_router = APIRouter()
probes_router = APIRouter()
"""For orchestrators, which have no API key."""

_REFUSED = problem_responses(Unauthorized, Forbidden)
_METRICS: dict[str, Any] = {
    "description": "Prometheus' text format, or OpenMetrics if requested",
    "content": {"text/plain": {}, "application/openmetrics-text": {}},
}


@version_router.get("/version", responses=_REFUSED)
async def version(services: TheServices) -> VersionResponse:
    """The versions of the service and of its model, and what the model runs on."""
    try:
        model = ServedModel.from_ref(await services.readiness.check())
    except BackendUnavailable:
        model = None
    return VersionResponse(
        facedetect=facedetect.__version__,
        model=model,
        instruction_set=services.detector.backend.instruction_set,
    )


@metrics_router.get("/metrics", response_class=Response, responses={200: _METRICS, **_REFUSED})
async def metrics(request: Request, services: TheServices) -> Response:
    """Counts, durations and sizes for Prometheus."""
    encode, media_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(services.metrics.registry), headers={"Content-Type": media_type})


@probes_router.get("/healthz")
async def healthz() -> HealthResponse:
    """The process is alive; says nothing about the model."""
    return HealthResponse()


@probes_router.get("/readyz", responses=problem_responses(BackendUnavailable))
async def readyz(services: TheServices) -> ReadyResponse:
    """The model is ready to answer; 503 with the reason otherwise."""
    return ReadyResponse(model=ServedModel.from_ref(await services.readiness.check()))
