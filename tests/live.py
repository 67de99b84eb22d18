"""The real service with a fake model, on a real port, in a thread of the test."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import uvicorn

from facedetect import Detector
from facedetect.backends.fake import FakeBackend
from facedetect.service.http_server import make_server
from facedetect.settings import ServiceSettings


@dataclass(frozen=True)
class Live:
    """A running service."""

    url: str
    port: int
    client: httpx2.Client
    server: uvicorn.Server

    def connect(self, source: str = "127.0.0.1") -> socket.socket:
        """Open a raw connection, to send what no client would."""
        address = ("127.0.0.1", self.port)
        return socket.create_connection(address, timeout=20, source_address=(source, 0))


@contextmanager
def live(backend: FakeBackend, certificate: Path | None = None, **overrides: Any) -> Iterator[Live]:
    """Run the service until the block ends, with TLS if given; settings by keyword."""
    settings = ServiceSettings.load(port=0, **overrides)
    detector = Detector(backend, limits=settings.limits, timeout_s=settings.timeout_s)
    server = make_server(settings, detector)
    server.config.ssl_certfile = certificate
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not (server.started and backend.requests):  # the warm-up runs during the start
            time.sleep(0.01)
        (listener,) = server.servers[0].sockets
        port = listener.getsockname()[1]
        url = f"{'https' if certificate else 'http'}://127.0.0.1:{port}"
        with httpx2.Client(base_url=url, timeout=20) as client:
            yield Live(url, port, client, server)
    finally:
        server.should_exit = True
        thread.join()
