"""The development model server in threads of the test, which has TensorFlow already."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from facedetect.model_server.development_server import ModelServer, ServerAddress
from facedetect.model_server.grpc_api import ServerTLS
from facedetect.model_server.versioned_model import VersionedModel


@contextmanager
def serving(
    *models: VersionedModel,
    port: int = 0,
    tls: ServerTLS | None = None,
    max_calls: int | None = None,
) -> Iterator[ModelServer]:
    """Serve models until the block ends."""
    address = ServerAddress(port=port, rest_port=0, tls=tls)
    server = ModelServer(models, address, max_calls=max_calls)
    server.start()
    try:
        yield server
    finally:
        server.stop()
