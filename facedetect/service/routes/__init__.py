"""The HTTP calls: those that look at images, and those that operators make."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from facedetect.service.routes import annotate, batch, deepstack, detect, operations
from facedetect.service.routes.dependencies import check_room

image_calls = APIRouter(tags=["faces"], dependencies=[Depends(check_room)])
image_calls.include_router(detect.router)
image_calls.include_router(batch.router)
image_calls.include_router(annotate.router)

deepstack_calls = APIRouter(tags=["faces"], dependencies=[Depends(check_room)])
deepstack_calls.include_router(deepstack.router)

operations_calls = operations.router
health_calls = operations.health

__all__ = ["deepstack_calls", "health_calls", "image_calls", "operations_calls"]
