"""The whole server: a model's versions, watched, behind gRPC and REST."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

from facedetect.model_server.calls import Calls
from facedetect.model_server.grpc_api import GrpcServer, ServerTLS
from facedetect.model_server.metrics import Metrics
from facedetect.model_server.rest_server import RestServer
from facedetect.model_server.versions import Versions

logger = logging.getLogger(__name__)

_POLL_S = 1.0
_GRACE_S = 5.0


@dataclass(frozen=True)
class Address:
    """Where to listen. Port 0 is any free one; `rest_port` None is no REST; TLS is gRPC's alone."""

    host: str = "127.0.0.1"
    port: int = 8500
    rest_port: int | None = 8501
    tls: ServerTLS | None = None


class ModelServer:
    """Serves a model from `start` to `stop`; `port` and `rest_port` are the ports listened on."""

    def __init__(self, versions: Versions, address: Address) -> None:
        """Bind the ports. Raises InvalidSettings if one is taken, OSError for unreadable files."""
        self._versions = versions
        self._host = address.host
        calls = Calls(versions, Metrics())
        self._rest = None
        if address.rest_port is not None:
            self._rest = RestServer(calls, address.host, address.rest_port, _GRACE_S)
        self._grpc = GrpcServer(calls, address.host, address.port, address.tls)
        self.port = self._grpc.port
        self.rest_port = None if self._rest is None else self._rest.port
        self._is_stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="watcher", daemon=True)

    def start(self) -> None:
        """Load what is in the folder, then answer and watch for changes.

        Clients find no server before, rather than one without a model.
        """
        self._versions.poll()
        self._watcher.start()
        self._grpc.start()
        logger.info("gRPC listens on %s:%d", self._host, self.port)
        if self._rest is not None:
            self._rest.start()
            logger.info("REST listens on http://%s:%d", self._host, self._rest.port)

    def stop(self) -> None:
        """Refuse new calls, let those under way end within seconds, then cancel the rest."""
        self._is_stopping.set()
        waits = [self._grpc.stop(_GRACE_S)]
        if self._rest is not None:
            waits.append(self._rest.stop())
        for wait in waits:
            wait()
        self._watcher.join(_GRACE_S)
        self._versions.close()

    def _watch(self) -> None:
        while not self._is_stopping.wait(_POLL_S):
            self._versions.poll()
