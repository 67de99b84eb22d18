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
from facedetect.errors import FacedetectError, format_with_notes
from facedetect.service.access_control import AccessControl
from facedetect.service.browser_security import Cors, SecurityHeaders
from facedetect.service.detection_worker import DetectionWorker
from facedetect.service.page import add_page
from facedetect.service.problems import Problem, add_problem_handlers
from facedetect.service.readiness import Readiness
from facedetect.service.request_log import RequestLog
from facedetect.service.routes import (
    deepstack_calls,
    health_calls,
    image_calls,
    operations_calls,
)
from facedetect.service.service_metrics import router as metrics_call
from facedetect.service.telemetry import Telemetry
from facedetect.service.uploads import Uploads
from facedetect.settings import ServiceSettings

logger = logging.getLogger(__name__)


class _State(TypedDict):
    worker: DetectionWorker
    uploads: Uploads
    readiness: Readiness
    telemetry: Telemetry
    access_control: AccessControl


def create_app(settings: ServiceSettings, detector: Detector) -> FastAPI:
    """Make the service around a detector, which it warms up as it starts."""
    telemetry = Telemetry.open(settings)
    access_control = AccessControl(settings)
    app: FastAPI = FastAPIOffline(
        title="facedetect",
        summary="Finds faces in images: boxes, five landmarks and scores.",
        version=facedetect.__version__,
        redoc_url=None,
        lifespan=lambda _: _running(settings, detector, telemetry, access_control),
    )
    _add_calls(app, access_control, open_metrics=settings.open_metrics)
    add_page(app)
    add_problem_handlers(app)
    _add_schema(app)
    # Outside of Starlette's own, so that the answer to a bug has all of it, too.
    stack = app.build_middleware_stack()
    if settings.cors_origins:
        stack = Cors(stack, settings.cors_origins)
    app.middleware_stack = RequestLog(SecurityHeaders(stack), telemetry)
    return app


@asynccontextmanager
async def _running(
    settings: ServiceSettings,
    detector: Detector,
    telemetry: Telemetry,
    access_control: AccessControl,
) -> AsyncIterator[_State]:
    """What the calls are given, from the start of the service to its end."""
    worker = DetectionWorker(detector, settings, telemetry)
    uploads = Uploads(settings, telemetry)
    telemetry.watch(
        queued=lambda: worker.admission.queued,
        running=lambda: worker.admission.running,
        held_bytes=lambda: uploads.held_bytes,
    )
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_warm_up, detector)
        yield {
            "worker": worker,
            "uploads": uploads,
            "readiness": Readiness(detector.backend),
            "telemetry": telemetry,
            "access_control": access_control,
        }
        tasks.cancel_scope.cancel()
    await to_thread.run_sync(telemetry.close)


def _add_calls(app: FastAPI, access_control: AccessControl, *, open_metrics: bool) -> None:
    operations = access_control.operations_dependencies()
    app.include_router(image_calls, dependencies=access_control.image_dependencies())
    app.include_router(deepstack_calls, dependencies=access_control.form_dependencies())
    app.include_router(operations_calls, dependencies=operations)
    app.include_router(metrics_call, dependencies=[] if open_metrics else operations)
    app.include_router(health_calls)


async def _warm_up(detector: Detector) -> None:
    """Load the model beside the first requests, which wait for it; /readyz tells when it is in."""
    try:
        model = await to_thread.run_sync(detector.warm_up, abandon_on_cancel=True)
    except FacedetectError as error:
        logger.warning("the model is not ready: %s", format_with_notes(error))
    except Exception:  # a bug; requests will tell it, too, and must be answered
        logger.exception("the model could not be warmed up")
    else:
        logger.info("model %s version %s is ready", model.name, model.version)


def _add_schema(app: FastAPI) -> None:
    """Put the schema of problems, which no route returns by itself, into the OpenAPI document."""
    document = app.openapi()
    schema = Problem.model_json_schema()
    document["components"]["schemas"]["Problem"] = schema
