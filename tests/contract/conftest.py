"""The backends under contract, each with its real implementation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from benchmarks.servers import TENSORFLOW_SERVING, Server, tensorflow_serving
from facedetect.backends import Backend, open_backend
from facedetect.images import BGRImage
from tests.conftest import face_at, skip_or_fail
from tests.fake import finding
from tests.model.cases import group as make_group

if TYPE_CHECKING:
    from facedetect.model_server.development_server import ModelServer

# By name: the fixture of the server, and the protocol.
SERVERS = {
    "grpc": ("builtin_server", "grpc"),
    "rest": ("builtin_server", "http"),
    "tensorflow serving": ("serving", "grpc"),
    "tensorflow serving, rest": ("serving", "http"),
}


@pytest.fixture(scope="session")
def serving() -> Iterator[Server]:
    """TensorFlow Serving itself."""
    if TENSORFLOW_SERVING is None:
        skip_or_fail("serving", "tensorflow_model_server is not on PATH")
    from facedetect.model.builtin import builtin_model

    with tensorflow_serving(builtin_model()) as server:
        yield server


@pytest.fixture(scope="session")
def saved_model_backend() -> Iterator[Backend]:
    from facedetect.model.builtin import builtin_model

    with closing(open_backend(f"savedmodel:{builtin_model()}")) as backend:
        yield backend


@contextmanager
def opened(name: str, request: pytest.FixtureRequest) -> Iterator[Backend]:
    if name == "fake":
        yield finding(face_at(10, 5, side=20, confidence=0.9))
    elif name == "embedded":
        yield request.getfixturevalue("builtin_detector").backend
    elif name == "savedmodel":
        yield request.getfixturevalue("saved_model_backend")
    else:
        fixture, scheme = SERVERS[name]
        with closing(open_backend(url_of(request.getfixturevalue(fixture), scheme))) as backend:
            yield backend


def url_of(server: Server | ModelServer, scheme: str, model: str = "mtcnn") -> str:
    port = server.port if scheme == "grpc" else server.rest_port
    return f"{scheme}://127.0.0.1:{port}/{model}"


@pytest.fixture(params=["fake", "embedded", "savedmodel", *SERVERS])
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with opened(request.param, request) as backend:
        yield backend


@pytest.fixture(params=["embedded", "savedmodel", *SERVERS])
def model_backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """A backend with a model."""
    with opened(request.param, request) as backend:
        yield backend


@pytest.fixture(params=SERVERS)
def server_backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with opened(request.param, request) as backend:
        yield backend


@pytest.fixture(scope="session")
def group(astronaut: BGRImage, grace_hopper: BGRImage) -> BGRImage:
    return make_group(astronaut, grace_hopper)
