"""The complete server: watched model versions behind gRPC and REST."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event

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
    """Serves models between `start` and `stop`; `port` and `rest_port` are the actual ports."""

    def __init__(
        self,
        models: Sequence[VersionedModel],
        address: ServerAddress,
        *,
        grace_s: float = 5.0,
        max_calls: int | None = None,
    ) -> None:
        """Bind the ports; `grace_s` is how long calls in progress may take to finish in `stop`.

        More than `max_calls` gRPC calls at a time are rejected with RESOURCE_EXHAUSTED.
        Raises InvalidSettings if a port is in use, OSError if a TLS file cannot be read.
        """
        self._models = models
        self._grace_s = grace_s
        self._host = address.host
        service = PredictionService(models, ServingMetrics())
        self._rest = None
        if address.rest_port is not None:
            self._rest = RestServer(service, address.host, address.rest_port, grace_s)
        self._grpc = GrpcServer(service, address.host, address.port, address.tls, max_calls)
        self.port = self._grpc.port
        self.rest_port = None if self._rest is None else self._rest.port
        self._is_stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="watcher", daemon=True)

    def start(self, *, wait: Event | None = None) -> None:
        """Load the versions, then answer calls and watch the folders.

        Until they are loaded, clients cannot connect, rather than find no model. With `wait`,
        calls are answered only once each model has an available version, as in TensorFlow Serving;
        setting the event ends the wait.
        """
        self._poll()
        while wait is not None and not all(model.has_available() for model in self._models):
            if wait.wait(_POLL_S):
                return
            self._poll()
        self._watcher.start()
        self._grpc.start()
        logger.info("gRPC is listening on %s:%d", self._host, self.port)
        if self._rest is not None:
            self._rest.start()
            logger.info("REST is listening on http://%s:%d", self._host, self._rest.port)

    def stop(self) -> None:
        """Reject new calls, give those in progress time to finish, then cancel them."""
        self._is_stopping.set()
        waits = [self._grpc.stop(self._grace_s)]
        if self._rest is not None:
            waits.append(self._rest.stop())
        for wait in waits:
            wait()
        if self._watcher.is_alive():
            self._watcher.join(self._grace_s)
        for model in self._models:
            model.close()

    def _watch(self) -> None:
        while not self._is_stopping.wait(_POLL_S):
            self._poll()

    def _poll(self) -> None:
        for model in self._models:
            model.poll()
