"""The backends that the contract is for, each over the real thing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from benchmarks.servers import TENSORFLOW_SERVING, Server, tensorflow_serving
from facedetect.backends import Backend, open_backend
from facedetect.images import BGRImage
from facedetect.model.builtin import builtin_model
from tests.conftest import face_at, skip_or_fail
from tests.fake import finding
from tests.model.cases import group as make_group

# By name: the fixture of the server, and the attribute with its URL.
SERVERS = {
    "grpc": ("builtin_server", "grpc_url"),
    "rest": ("builtin_server", "rest_url"),
    "tensorflow serving": ("serving", "grpc_url"),
    "tensorflow serving, rest": ("serving", "rest_url"),
}


@pytest.fixture(scope="session")
def serving() -> Iterator[Server]:
    """TensorFlow Serving itself."""
    if TENSORFLOW_SERVING is None:
        skip_or_fail("serving", "tensorflow_model_server is not on PATH")
    with tensorflow_serving(builtin_model()) as server:
        yield server


@pytest.fixture(scope="session")
def saved_model_backend() -> Iterator[Backend]:
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
        fixture, url = SERVERS[name]
        with closing(open_backend(getattr(request.getfixturevalue(fixture), url))) as backend:
            yield backend


@pytest.fixture(params=["fake", "embedded", "savedmodel", *SERVERS])
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with opened(request.param, request) as backend:
        yield backend


@pytest.fixture(params=["embedded", "savedmodel", *SERVERS])
def model_backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """One behind which there is a model."""
    with opened(request.param, request) as backend:
        yield backend


@pytest.fixture(params=SERVERS)
def server_backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with opened(request.param, request) as backend:
        yield backend


@pytest.fixture(scope="session")
def group(astronaut: BGRImage, grace_hopper: BGRImage) -> BGRImage:
    return make_group(astronaut, grace_hopper)
