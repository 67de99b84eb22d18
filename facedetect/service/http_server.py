"""The HTTP server that runs the application."""

from __future__ import annotations

import errno
import math
import socket

import uvicorn

from facedetect.detector import Detector
from facedetect.errors import InvalidSettings
from facedetect.service.app import create_app
from facedetect.service.http_protocol import GuardedHttpProtocol
from facedetect.settings import ServiceSettings

_ADDRESS_ERRORS = {
    errno.EADDRINUSE: "is already in use, perhaps by another instance of this service",
    errno.EACCES: "is not allowed: ports below 1024 need elevated privileges",
    errno.EADDRNOTAVAIL: "is not an address of this machine",
}


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
            app.state.services.unread_responses,
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


def check_address(host: str, port: int) -> None:
    """Raise InvalidSettings, saying what to do, if this address cannot be listened on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        what = _ADDRESS_ERRORS.get(error.errno or 0, f"cannot be used ({error.strerror or error})")
        raise InvalidSettings(
            f"port {port} on {host} {what}; choose another with --port or FACEDETECT_PORT (0 picks "
            "a free one), or another address with --host"
        ) from error


def raise_open_file_limit() -> None:
    """Raise the limit on open files to the system's maximum: slow clients hold sockets."""
    try:
        import resource
    except ImportError:  # not on Windows
        return
    _, maximum = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (maximum, maximum))
