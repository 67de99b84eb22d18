from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pytest

if TYPE_CHECKING:
    from facedetect.model_server.development_server import ModelServer
    from tests.model_server.clients import Client

Serve = Callable[..., "Client"]


@pytest.fixture(scope="session")
def half_plus_two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One version, to be moved in under any number."""
    from tests.model_server.models import save_half_plus_two

    return save_half_plus_two(tmp_path_factory.mktemp("saved") / "1")


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves a folder as the model `m` and gives a client; the server ends with the test."""
    from facedetect.model_server.versioned_model import VersionedModel
    from tests.model_server.clients import Client
    from tests.model_servers import serving

    with ExitStack() as stack:

        def start(folder: Path, **options: object) -> Client:
            server = stack.enter_context(serving(VersionedModel("m", folder, **options)))  # type: ignore[arg-type]
            client = Client(server.port)
            stack.callback(client.channel.close)
            return client

        yield start


@pytest.fixture(scope="module")
def server(half_plus_two: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    """Versions 1 and 2 side by side, labelled."""
    from facedetect.model_server.versioned_model import VersionedModel
    from tests.model_server.models import move_in
    from tests.model_servers import serving

    folder = tmp_path_factory.mktemp("models")
    for version in (1, 2):
        move_in(half_plus_two, folder, version)
    with serving(
        VersionedModel("m", folder, set, {"stable": 1, "canary": 2, "gone": 9})
    ) as started:
        yield started


@pytest.fixture(scope="module")
def client(server: ModelServer) -> Iterator[Client]:
    from tests.model_server.clients import Client

    client = Client(server.port)
    yield client
    client.channel.close()


@pytest.fixture(scope="module")
def rest(server: ModelServer) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=f"http://127.0.0.1:{server.rest_port}", timeout=30) as client:
        yield client
