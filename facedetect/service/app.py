"""The FastAPI application: a detector, the routes, the error handlers."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypedDict

import anyio
from anyio import to_thread
from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

import facedetect
from facedetect.detector import Detector
from facedetect.errors import FacedetectError, told_whole
from facedetect.service.problems import Problem, add_problem_handlers
from facedetect.service.readiness import Readiness
from facedetect.service.routes import router
from facedetect.service.worker import Worker
from facedetect.settings import Settings

logger = logging.getLogger(__name__)


class _State(TypedDict):
    worker: Worker
    readiness: Readiness


def create_app(settings: Settings, detector: Detector) -> FastAPI:
    """Make the service around a detector, which it warms up as it starts."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[_State]:
        worker = Worker(detector, threads=settings.threads, timeout_s=settings.timeout_s)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_warm_up, detector)
            yield {"worker": worker, "readiness": Readiness(detector.backend)}
            tasks.cancel_scope.cancel()

    app: FastAPI = FastAPIOffline(
        title="facedetect",
        summary="Finds faces in images: boxes, five landmarks and scores.",
        version=facedetect.__version__,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.include_router(router)
    add_problem_handlers(app)
    _add_schema(app)
    return app


async def _warm_up(detector: Detector) -> None:
    """Load the model beside the first requests, which wait for it; /readyz tells when it is in."""
    try:
        model = await to_thread.run_sync(detector.warm_up, abandon_on_cancel=True)
    except FacedetectError as error:
        logger.warning("the model is not ready: %s", told_whole(error))
    except Exception:  # a bug; requests will tell it, too, and must be answered
        logger.exception("the model could not be warmed up")
    else:
        logger.info("model %s version %s is ready", model.name, model.version)


def _add_schema(app: FastAPI) -> None:
    """Put the schema of problems, which no route returns by itself, into the OpenAPI document."""
    document = app.openapi()
    schema = Problem.model_json_schema()
    document["components"]["schemas"]["Problem"] = schema
