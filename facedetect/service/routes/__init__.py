"""The HTTP endpoints."""

from __future__ import annotations

from fastapi import Depends, FastAPI

from facedetect.service.routes import (
    annotate_route,
    batch_route,
    camera_route,
    camera_status_route,
    detect_route,
    operations_route,
)
from facedetect.service.routes.dependencies import check_query, check_room
from facedetect.service.services import Services


def add_routes(app: FastAPI, services: Services) -> None:
    """Add all endpoints, with the checks that run before their bodies are read."""
    access = services.access_control
    checks = [Depends(check_query), Depends(check_room)]
    image_checks = [*access.dependencies(access.check_caller), *checks]
    form_checks = [*access.dependencies(access.check_form), *checks]
    operations_checks = access.dependencies(access.check_key)
    metrics_checks = [] if services.settings.open_metrics else operations_checks
    for module in (detect_route, batch_route, annotate_route):
        app.include_router(module.router, tags=["faces"], dependencies=image_checks)
    app.include_router(camera_route.router, tags=["cameras"], dependencies=form_checks)
    for router, access_checks in (
        (camera_status_route.open_router, []),
        (camera_status_route.version_router, operations_checks),
    ):
        app.include_router(router, tags=["cameras"], dependencies=access_checks)
    for router, access_checks in (
        (operations_route.version_router, operations_checks),
        (operations_route.metrics_router, metrics_checks),
        (operations_route.probes_router, []),
    ):
        app.include_router(router, tags=["operations"], dependencies=access_checks)
