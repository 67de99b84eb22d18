"""The HTTP server that runs the application."""

from __future__ import annotations

import math

import uvicorn

from facedetect.detector import Detector
from facedetect.service.app import create_app
from facedetect.service.http_protocol import GuardedHttpProtocol
from facedetect.settings import ServiceSettings


def make_server(settings: ServiceSettings, detector: Detector) -> uvicorn.Server:
    """Return the service, ready to `run`. On SIGTERM it finishes accepted requests and exits."""
    app = create_app(settings, detector)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=GuardedHttpProtocol.with_limits(
            settings.stall_timeout_s,
            settings.min_transfer_rate,
            app.state.services.unread_answers,
        ),
        ws="none",
        reset_contextvars=True,  # or a request would inherit the log fields of the previous one
        timeout_graceful_shutdown=math.ceil(settings.shutdown_timeout_s),
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        server_header=False,
        log_config=None,
        access_log=False,
    )
    return uvicorn.Server(config)


def raise_open_file_limit() -> None:
    """Let this process open as many sockets as the system allows: slow clients hold theirs."""
    try:
        import resource
    except ImportError:  # Windows, which has no such limit
        return
    _, maximum = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (maximum, maximum))
