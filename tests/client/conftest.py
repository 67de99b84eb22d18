"""A client of either kind, closed at the end of the test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from facedetect.backends.fake import FakeBackend
from facedetect.faces import Face
from tests.client.servers import service
from tests.client.waiting import AnyClient, OpenClient, open_async, open_sync
from tests.fake import finding


@pytest.fixture(params=[open_sync, open_async], ids=["sync", "async"])
def open_client(request: pytest.FixtureRequest) -> Iterator[OpenClient]:
    """Open a client by its URL, a Sleeper and keywords."""
    with ExitStack() as stack:

        def open_one(*arguments: Any, **options: Any) -> AnyClient:
            client: AnyClient = request.param(*arguments, **options)
            return stack.enter_context(closing(client))

        yield open_one


@pytest.fixture
def backend(a_face: Face) -> FakeBackend:
    return finding(a_face)


@pytest.fixture
def url(backend: FakeBackend) -> Iterator[str]:
    """The real service over the fake model."""
    with service(backend) as address:
        yield address


@pytest.fixture
def client(open_client: OpenClient, url: str) -> AnyClient:
    return open_client(url)
