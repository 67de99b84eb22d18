"""The real service over a fake model, on a real port, in a thread of the test."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import uvicorn

from facedetect import Detector
from facedetect.backends.fake import FakeBackend
from facedetect.service.server import make_server
from facedetect.settings import Settings


@dataclass(frozen=True)
class Live:
    """A running service."""

    port: int
    client: httpx2.Client
    server: uvicorn.Server

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connect(self) -> socket.socket:
        """A connection of one's own, to send what no client would."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)


@contextmanager
def live(backend: FakeBackend, **overrides: Any) -> Iterator[Live]:
    """Run the service until the block ends; settings by keyword."""
    settings = Settings.load(port=0, **overrides)
    detector = Detector(backend, limits=settings.limits, timeout_s=settings.timeout_s)
    server = make_server(settings, detector)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not (server.started and backend.seen):  # the warm-up runs beside the start
            time.sleep(0.01)
        (listener,) = server.servers[0].sockets
        port = listener.getsockname()[1]
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            yield Live(port, client, server)
    finally:
        server.should_exit = True
        thread.join()
