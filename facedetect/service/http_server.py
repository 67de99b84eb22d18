"""The HTTP server around the application."""

from __future__ import annotations

import math
import resource

import uvicorn

from facedetect.detector import Detector
from facedetect.service.app import create_app
from facedetect.service.http_protocol import GuardedHttpProtocol
from facedetect.settings import ServiceSettings


def make_server(settings: ServiceSettings, detector: Detector) -> uvicorn.Server:
    """The service, ready to `run`: it ends at SIGTERM, once what was taken is finished."""
    config = uvicorn.Config(
        create_app(settings, detector),
        host=settings.host,
        port=settings.port,
        http=GuardedHttpProtocol.within(settings.upload_timeout_s),
        ws="none",
        reset_contextvars=True,  # or a request would have the log's fields of the one before
        timeout_graceful_shutdown=math.ceil(settings.shutdown_timeout_s),
        server_header=False,
        log_config=None,
        access_log=False,
    )
    return uvicorn.Server(config)


def allow_many_connections() -> None:
    """Let this process have as many open sockets as the system allows: slow clients keep theirs."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
