"""`GET /metrics`: the metrics for Prometheus."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from prometheus_client.exposition import choose_encoder

from facedetect.errors import Forbidden, Unauthorized
from facedetect.service.routes.dependencies import TheServices
from facedetect.service.routes.openapi import problem_responses

router = APIRouter()

_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Prometheus' text format, or OpenMetrics if requested",
        "content": {"text/plain": {}, "application/openmetrics-text": {}},
    },
    **problem_responses(Unauthorized, Forbidden),
}


@router.head("/metrics", include_in_schema=False)
@router.get("/metrics", response_class=Response, responses=_RESPONSES)
async def metrics(request: Request, services: TheServices) -> Response:
    """Counts, durations and sizes for Prometheus."""
    encode, media_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(services.metrics.registry), headers={"Content-Type": media_type})
