"""What FastAPI injects into the endpoints."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from facedetect.service.services import Services


async def _services(request: Request) -> Services:
    services: Services = request.state.services
    return services


TheServices = Annotated[Services, Depends(_services)]


async def check_room(services: TheServices) -> None:
    """Raise Overloaded, before the body is read, if there is no room for another image."""
    services.worker.admission.check_room()
