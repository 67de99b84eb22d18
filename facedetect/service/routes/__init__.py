"""The HTTP endpoints, a module each."""

from __future__ import annotations

from fastapi import Depends, FastAPI

from facedetect.service.routes import (
    annotate_route,
    batch_route,
    deepstack_route,
    detect_route,
    health_route,
    metrics_route,
    version_route,
)
from facedetect.service.routes.dependencies import check_room
from facedetect.service.services import Services


def add_routes(app: FastAPI, services: Services) -> None:
    """Add all endpoints, with the checks that run before their bodies are read."""
    access = services.access_control
    image_checks = [*access.image_dependencies(), Depends(check_room)]
    form_checks = [*access.form_dependencies(), Depends(check_room)]
    operations_checks = access.operations_dependencies()
    metrics_checks = [] if services.settings.open_metrics else operations_checks
    for module in (detect_route, batch_route, annotate_route):
        app.include_router(module.router, tags=["faces"], dependencies=image_checks)
    app.include_router(deepstack_route.router, tags=["faces"], dependencies=form_checks)
    app.include_router(version_route.router, tags=["operations"], dependencies=operations_checks)
    app.include_router(metrics_route.router, tags=["operations"], dependencies=metrics_checks)
    app.include_router(health_route.router, tags=["operations"])
