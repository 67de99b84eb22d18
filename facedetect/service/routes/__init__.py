"""The HTTP calls: those that look at images, and those that operators make."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from facedetect.service.routes import (
    annotate_route,
    batch_route,
    deepstack_route,
    detect_route,
    operations_route,
)
from facedetect.service.routes.dependencies import check_room

image_calls = APIRouter(tags=["faces"], dependencies=[Depends(check_room)])
image_calls.include_router(detect_route.router)
image_calls.include_router(batch_route.router)
image_calls.include_router(annotate_route.router)

deepstack_calls = APIRouter(tags=["faces"], dependencies=[Depends(check_room)])
deepstack_calls.include_router(deepstack_route.router)

operations_calls = operations_route.router
health_calls = operations_route.health

__all__ = ["deepstack_calls", "health_calls", "image_calls", "operations_calls"]
