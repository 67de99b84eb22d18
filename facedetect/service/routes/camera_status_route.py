"""Status calls of DeepStack's and CodeProject.AI's clients."""

from __future__ import annotations

from fastapi import APIRouter

from facedetect.errors import Forbidden, Unauthorized
from facedetect.service.camera_schemas import (
    CustomModelsResponse,
    FaceListResponse,
    PingResponse,
    StatusVersionResponse,
    UpdateResponse,
)
from facedetect.service.routes.openapi import problem_responses

open_router = APIRouter()
"""Needs no key, since clients that send their key in a form send none here."""

version_router = APIRouter(responses=problem_responses(Unauthorized, Forbidden))


@open_router.post("/v1/vision/face/list")
async def vision_face_list() -> FaceListResponse:
    """The registered people: there are none."""
    return FaceListResponse()


@open_router.post("/v1/vision/custom/list")
async def vision_custom_list() -> CustomModelsResponse:
    """The models that `/v1/vision/custom` knows."""
    return CustomModelsResponse()


@open_router.get("/v1/status/ping")
@open_router.get("/v1/server/status/ping", name="server_status_ping")
async def status_ping() -> PingResponse:
    """Confirm that the process is alive, whatever the state of the model."""
    return PingResponse()


@version_router.get("/v1/status/version")
async def status_version() -> StatusVersionResponse:
    """The version of the service."""
    return StatusVersionResponse()


@version_router.get("/v1/status/updateavailable")
async def status_update_available() -> UpdateResponse:
    """Report that no update is available; Blue Iris calls this to see whether the server is up."""
    return UpdateResponse()
