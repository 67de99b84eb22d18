"""The backends that the contract is for, each over the real thing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext

import pytest

from benchmarks.servers import TENSORFLOW_SERVING, model_server, tensorflow_serving
from facedetect.backends import Backend, open_backend
from facedetect.images import BGRImage
from facedetect.model.builtin import builtin_model
from tests.conftest import face_at, skip_or_fail
from tests.fake import finding
from tests.model.cases import group as make_group


@contextmanager
def over_grpc() -> Iterator[Backend]:
    with model_server() as server:
        yield open_backend(server.grpc_url)


@contextmanager
def over_rest() -> Iterator[Backend]:
    with model_server() as server:
        yield open_backend(server.rest_url)


@contextmanager
def tensorflow_serving_itself(protocol: str) -> Iterator[Backend]:
    if TENSORFLOW_SERVING is None:
        skip_or_fail("serving", "tensorflow_model_server is not on PATH")
    with tensorflow_serving(builtin_model()) as server:
        yield open_backend(server.grpc_url if protocol == "grpc" else server.rest_url)


MAKERS: dict[str, Callable[[], AbstractContextManager[Backend]]] = {
    "fake": lambda: nullcontext(finding(face_at(10, 5, side=20, confidence=0.9))),
    "embedded": lambda: nullcontext(open_backend("embedded:")),
    "grpc": over_grpc,
    "rest": over_rest,
    "tensorflow serving": lambda: tensorflow_serving_itself("grpc"),
    "tensorflow serving, rest": lambda: tensorflow_serving_itself("rest"),
}


OpenByName = Callable[[str], Backend]


@pytest.fixture(scope="session")
def opened() -> Iterator[OpenByName]:
    """Open a backend once, however many tests use it."""
    backends: dict[str, Backend] = {}
    with ExitStack() as stack:

        def open_by_name(name: str) -> Backend:
            if name not in backends:
                backends[name] = stack.enter_context(MAKERS[name]())
                stack.callback(backends[name].close)
            return backends[name]

        yield open_by_name


@pytest.fixture(params=MAKERS)
def backend(request: pytest.FixtureRequest, opened: OpenByName) -> Backend:
    return opened(request.param)


@pytest.fixture(params=[name for name in MAKERS if name != "fake"])
def model_backend(request: pytest.FixtureRequest, opened: OpenByName) -> Backend:
    """One behind which there is a model."""
    return opened(request.param)


@pytest.fixture(scope="session")
def group(astronaut: BGRImage, grace_hopper: BGRImage) -> BGRImage:
    return make_group(astronaut, grace_hopper)
