"""A client of either kind, closed at the end of the test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any, NamedTuple

import pytest

from facedetect.backends.fake import FakeBackend
from facedetect.faces import Face
from tests.client.servers import service
from tests.client.waiting import AnyClient, OpenClient, open_async, open_sync
from tests.fake import finding


class SharedService(NamedTuple):
    """A service started once, since that takes longer than most tests."""

    backend: FakeBackend
    url: str


@pytest.fixture(params=[open_sync, open_async], ids=["sync", "async"])
def open_client(request: pytest.FixtureRequest) -> Iterator[OpenClient]:
    """Open a client by its URL, a Sleeper and keywords."""
    with ExitStack() as stack:

        def open_one(*arguments: Any, **options: Any) -> AnyClient:
            client: AnyClient = request.param(*arguments, **options)
            return stack.enter_context(closing(client))

        yield open_one


@pytest.fixture(scope="session")
def shared_service() -> Iterator[SharedService]:
    backend = FakeBackend()
    with service(backend) as url:
        yield SharedService(backend, url)


@pytest.fixture
def backend(shared_service: SharedService, a_face: Face) -> FakeBackend:
    """Reset the backend, although a service is running on it."""
    backend, new = shared_service.backend, finding(a_face)
    backend.respond, backend.ready = new.respond, new.ready
    backend.requests.clear()
    return backend


@pytest.fixture
def url(shared_service: SharedService, backend: FakeBackend) -> str:  # noqa: ARG001 - resets it
    """The real service with the fake model. Tests that leave calls running start their own."""
    return shared_service.url


@pytest.fixture
def client(open_client: OpenClient, url: str) -> AnyClient:
    return open_client(url)
