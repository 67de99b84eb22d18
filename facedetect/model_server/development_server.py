"""The whole server: a model's watched versions behind gRPC and REST."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

from facedetect.model_server.grpc_api import GrpcServer, ServerTLS
from facedetect.model_server.prediction_service import PredictionService
from facedetect.model_server.rest_server import RestServer
from facedetect.model_server.serving_metrics import ServingMetrics
from facedetect.model_server.versioned_model import VersionedModel

logger = logging.getLogger(__name__)

_POLL_S = 1.0


@dataclass(frozen=True)
class ServerAddress:
    """Where to listen. Port 0 is any free port, `rest_port` None no REST; TLS is for gRPC only."""

    host: str = "127.0.0.1"
    port: int = 8500
    rest_port: int | None = 8501
    tls: ServerTLS | None = None


class ModelServer:
    """Serves a model between `start` and `stop`; `port` and `rest_port` are the actual ports."""

    def __init__(
        self, model: VersionedModel, address: ServerAddress, *, grace_s: float = 5.0
    ) -> None:
        """Bind the ports; `grace_s` is how long running calls have to finish in `stop`.

        Raises InvalidSettings if a port is in use, OSError if a TLS file cannot be read.
        """
        self._model = model
        self._grace_s = grace_s
        self._host = address.host
        service = PredictionService(model, ServingMetrics())
        self._rest = None
        if address.rest_port is not None:
            self._rest = RestServer(service, address.host, address.rest_port, grace_s)
        self._grpc = GrpcServer(service, address.host, address.port, address.tls)
        self.port = self._grpc.port
        self.rest_port = None if self._rest is None else self._rest.port
        self._is_stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="watcher", daemon=True)

    def start(self) -> None:
        """Load the versions in the folder, then answer calls and watch the folder.

        Until they are loaded, clients cannot connect at all, rather than find no model.
        """
        self._model.poll()
        self._watcher.start()
        self._grpc.start()
        logger.info("gRPC listens on %s:%d", self._host, self.port)
        if self._rest is not None:
            self._rest.start()
            logger.info("REST listens on http://%s:%d", self._host, self._rest.port)

    def stop(self) -> None:
        """Refuse new calls, give running ones time to finish, then cancel them."""
        self._is_stopping.set()
        waits = [self._grpc.stop(self._grace_s)]
        if self._rest is not None:
            waits.append(self._rest.stop())
        for wait in waits:
            wait()
        self._watcher.join(self._grace_s)
        self._model.close()

    def _watch(self) -> None:
        while not self._is_stopping.wait(_POLL_S):
            self._model.poll()
