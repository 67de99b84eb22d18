"""The HTTP service with a backend that fails, is slow, or is not ready."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from facedetect.backends.fake import FakeBackend
from facedetect.errors import (
    BackendError,
    BackendProtocolError,
    BackendTimeout,
    BackendUnavailable,
    ModelNotFound,
)
from tests.fake import after, failing, recover
from tests.unit.service import JPEG, PHOTO, MakeClient, problem
from tests.unit.timing import wait_until


@pytest.mark.parametrize(
    ("error", "status", "slug"),
    [
        (BackendUnavailable("down"), 503, "backend-unavailable"),
        (ModelNotFound("no version 9"), 503, "model-not-found"),
        (BackendTimeout("slow"), 504, "backend-timeout"),
        (BackendProtocolError("odd"), 502, "backend-protocol-error"),
    ],
)
def test_errors_of_the_backend_show_and_pass(
    make_client: MakeClient, error: BackendError, status: int, slug: str
) -> None:
    backend = failing(error)
    client = make_client(backend)
    response = client.post("/detect", files={"image": PHOTO})
    assert problem(response, status, slug) == str(error)
    assert ("retry-after" in response.headers) == (status == 503)
    recover(backend)
    assert client.post("/detect", files={"image": PHOTO}).status_code == 200


def test_a_bug_shows_nothing_of_itself(make_client: MakeClient) -> None:
    def fail() -> None:
        raise ZeroDivisionError("secret")

    backend = FakeBackend()
    client = make_client(backend)
    backend.respond = after(fail)
    response = client.post("/detect", files={"image": PHOTO})
    assert "secret" not in problem(response, 500, "internal")


def test_waiting_for_a_thread_counts_towards_the_timeout(make_client: MakeClient) -> None:
    backend = FakeBackend()
    client = make_client(backend, threads=1, timeout_s=0.5)
    busy, release = Event(), Event()

    def block() -> None:
        busy.set()
        release.wait(30)

    backend.respond = after(block)
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(client.post, "/detect", files={"image": PHOTO})
        assert busy.wait(10)
        waiting = [pool.submit(client.post, "/detect", files={"image": PHOTO}) for _ in range(2)]
        for post in waiting:
            message = problem(post.result(), 429, "overloaded")
            assert re.search(r"free within 0\.5 s|longer than the 0\.5 s allowed", message)
        release.set()  # only now: they were rejected while the thread was busy
        problem(first.result(), 504, "backend-timeout")
    assert client.post("/detect", files={"image": PHOTO}).status_code == 200


def test_readiness_follows_the_backend(make_client: MakeClient) -> None:
    backend = failing(BackendUnavailable("not yet"))
    client = make_client(backend)
    assert problem(client.get("/readyz"), 503, "backend-unavailable") == "not yet"
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/version").json()["model"] is None
    recover(backend)
    wait_until(lambda: client.get("/readyz").status_code == 200)
    model = {"name": "fake", "version": 1}
    assert client.get("/readyz").json() == {"status": "ready", "model": model}
    backend.instruction_set = "avx2"
    version = client.get("/version").json()
    assert (version["model"], version["instruction_set"]) == (model, "avx2")


def test_the_log_tells_what_the_engine_runs_on(
    make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    backend = FakeBackend()
    backend.instruction_set = "avx2"
    make_client(backend)
    line = "model fake version 1 is ready, the engine uses avx2"
    wait_until(lambda: line in caplog.text)


def test_the_log_has_what_clients_must_not_see(
    make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    error = BackendUnavailable("the model server cannot be reached")
    error.add_note("10.0.0.7:8500 said UNAVAILABLE")
    client = make_client(failing(error))
    response = client.post("/detect", content=PHOTO, headers=JPEG)
    assert problem(response, 503, "backend-unavailable") == str(error)
    assert "10.0.0.7" in caplog.text
    caplog.clear()
    assert problem(client.get("/readyz"), 503, "backend-unavailable") == str(error)
    assert "10.0.0.7" in caplog.text
