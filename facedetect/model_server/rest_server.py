"""The HTTP server for the REST API, in the same process as the gRPC server."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import uvicorn

from facedetect.errors import InvalidSettings
from facedetect.model_server.prediction_service import PredictionService
from facedetect.model_server.rest_api import create_app

_POLL_S = 0.01


class RestServer:
    """Serves REST on `host` and `port`; for port 0, `port` is the one chosen."""

    def __init__(self, service: PredictionService, host: str, port: int, grace_s: float) -> None:
        """Bind the port; raises InvalidSettings if it is in use."""
        self._socket = _bind(host, port)
        self.port = int(self._socket.getsockname()[1])
        config = uvicorn.Config(
            create_app(service),
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=max(1, round(grace_s)),
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=partial(self._server.run, [self._socket]), name="rest", daemon=True
        )

    def start(self) -> None:
        """Start the thread and wait until it accepts requests."""
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(_POLL_S)

    def stop(self) -> Callable[[], Any]:
        """Reject new requests; returns a function that waits for those in progress to finish."""
        self._server.should_exit = True
        if self._thread.is_alive():
            return self._thread.join
        return self._socket.close  # never started


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        raise InvalidSettings(
            f"REST cannot listen on {host}:{port}: {error.strerror}; choose another --rest-port, "
            "0 for any free port, or -1 to disable REST"
        ) from error
    # Connections inherit it; asyncio sets it only on sockets that it creates. Without it, the
    # response body waits 40 ms for the client to acknowledge the header.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
