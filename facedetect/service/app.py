"""The FastAPI application: services, middleware, routes and error handlers."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from anyio import to_thread
from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.middleware import Middleware
from starlette.middleware.errors import ServerErrorMiddleware

import facedetect
from facedetect.detector import Detector
from facedetect.errors import FacedetectError, format_with_notes
from facedetect.service.body_pieces import BodyPieces
from facedetect.service.browser_security import SecurityHeaders, cors_middleware
from facedetect.service.head_requests import HeadAsGet
from facedetect.service.json_line import JSONLine
from facedetect.service.page import add_page
from facedetect.service.problems import PROBLEM_HANDLERS, answer_bug
from facedetect.service.request_log import RequestLog
from facedetect.service.root_path import RootPath
from facedetect.service.routes import add_routes
from facedetect.service.services import Services, build_services
from facedetect.settings import ServiceSettings

logger = logging.getLogger(__name__)


def create_app(settings: ServiceSettings, detector: Detector) -> FastAPI:
    """Create the service for a detector, which it warms up on startup.

    Raises InvalidSettings as `build_services` does.
    """
    services = build_services(settings, detector)
    app: FastAPI = FastAPIOffline(
        title="facedetect",
        summary="Finds faces in images: boxes, five landmarks and scores.",
        version=facedetect.__version__,
        redoc_url=None,
        default_response_class=JSONLine,
        generate_unique_id_function=lambda route: route.name,  # the names in generated clients
        lifespan=lambda _: _lifespan(services),
        middleware=_middleware(services),
        exception_handlers=PROBLEM_HANDLERS,
        redirect_slashes=False,  # a redirect would go to whatever host the request names
    )
    app.state.services = services
    add_routes(app, services)
    add_page(app)
    return app


def _middleware(services: Services) -> list[Middleware]:
    """Return the middleware, outermost first."""
    origins = services.settings.cors_origins
    root_path = services.settings.root_path
    return [
        *([Middleware(RootPath, root_path)] if root_path else []),
        Middleware(BodyPieces),
        Middleware(RequestLog, services.metrics, services.tracing),
        Middleware(SecurityHeaders),
        *([cors_middleware(origins)] if origins else []),
        # Starlette puts its own outside of all these, where the response to a bug would get neither
        # a request id nor headers. This one responds first, so that Starlette's does not.
        Middleware(ServerErrorMiddleware, handler=answer_bug),
        Middleware(HeadAsGet),
    ]


@asynccontextmanager
async def _lifespan(services: Services) -> AsyncIterator[None]:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_warm_up, services.detector)
        yield
        tasks.cancel_scope.cancel()
    if services.tracing is not None:
        await to_thread.run_sync(services.tracing.close)


async def _warm_up(detector: Detector) -> None:
    """Load the model while the first requests wait for it; /readyz reports when it is ready."""
    try:
        model = await to_thread.run_sync(detector.warm_up, abandon_on_cancel=True)
    except FacedetectError as error:
        logger.warning("the model is not ready: %s", format_with_notes(error))
    except Exception:  # a bug, which requests report as well; keep the service running
        logger.exception("warming up the model failed")
    else:
        runs_on = detector.backend.instruction_set
        engine = "" if runs_on is None else f", the engine uses {runs_on}"
        logger.info("model %s version %s is ready%s", model.name, model.version, engine)
