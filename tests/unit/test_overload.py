"""More requests than the service can process, over real sockets, with the fake backend."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from threading import Event
from typing import Any

import httpx2

from facedetect.backends.fake import FakeBackend
from tests.fake import after
from tests.live import Live, live
from tests.unit.counting import counted_opening
from tests.unit.service import JPEG, PHOTO, problem
from tests.unit.timing import wait_until

FILES = {"image": PHOTO}
Post = Future[httpx2.Response]


class Busy:
    """A service with one thread, whose model blocks until `let_go`."""

    def __init__(self, service: Live, backend: FakeBackend, pool: ThreadPoolExecutor) -> None:
        self.service = service
        self.backend = backend
        self._pool = pool
        self._hold = Event()
        backend.respond = after(self._wait)

    def _wait(self) -> None:
        assert self._hold.wait(20)

    def let_go(self) -> None:
        self._hold.set()

    def post(self) -> Post:
        return self._pool.submit(self.service.client.post, "/detect", content=PHOTO, headers=JPEG)

    def wait_for(self, *, running: int, queued: int) -> None:
        lines = [f"facedetect_running_images {running}.0", f"facedetect_queued_images {queued}.0"]
        wait_until(lambda: set(lines) <= set(self.service.client.get("/metrics").text.splitlines()))


@contextmanager
def busy(**settings: Any) -> Iterator[Busy]:
    """One image is being processed."""
    backend = FakeBackend()
    with live(backend, threads=1, **settings) as service, ThreadPoolExecutor(8) as pool:
        held = Busy(service, backend, pool)
        try:
            first = held.post()
            held.wait_for(running=1, queued=0)
            yield held
        finally:
            held.let_go()
        assert first.result().status_code == 200


def test_a_rejected_request_has_retry_after() -> None:
    with busy(max_queued=1) as held:
        second = held.post()
        held.wait_for(running=1, queued=1)
        third = held.post().result()
        assert "1 image is already waiting" in problem(third, 429, "overloaded")
        assert int(third.headers["retry-after"]) >= 1
        held.let_go()
        assert second.result().status_code == 200
    assert len(held.backend.requests) == 3  # the warm-up's, too


def test_an_image_that_waits_is_closed_meanwhile() -> None:
    """An open one may hold memory: a WebP decoder its pixels. So it is opened again."""
    with counted_opening() as counts, busy() as held:
        second = held.post()
        held.wait_for(running=1, queued=1)
        held.let_go()
        assert second.result().status_code == 200
    assert counts == {"JPEG": 3}


def test_a_caller_gets_its_answers_beside_one_that_sends_ten_times_as_much() -> None:
    other = httpx2.HTTPTransport(local_address="127.0.0.2")
    with (
        busy(max_queued=8) as held,
        httpx2.Client(base_url=held.service.url, transport=other, timeout=60) as me,
        ThreadPoolExecutor(40) as pool,
    ):
        # One is being processed and does not end, and those that wait are as many as may.
        theirs = [pool.submit(held.service.client.post, "/detect", files=FILES) for _ in range(30)]
        wait_until(lambda: sum(post.done() for post in theirs) == 30 - 8)
        mine = [pool.submit(me.post, "/detect", files=FILES) for _ in range(3)]
        wait_until(lambda: sum(post.done() for post in theirs) == 30 - 8 + 2)
        held.wait_for(running=2, queued=8)
        held.let_go()
        assert {post.result().status_code for post in mine} == {200}
        assert Counter(post.result().status_code for post in theirs) == {200: 6, 429: 24}


def test_a_full_queue_rejects_before_the_upload() -> None:
    with busy(max_queued=0) as held, held.service.connect() as connection:
        connection.sendall(
            b"POST /detect HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\n"
            b"Content-Length: 1000000\r\nExpect: 100-continue\r\n\r\n"
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 429")


def test_the_image_of_a_client_that_disconnects_is_not_processed() -> None:
    with busy() as held:
        with held.service.connect() as connection:
            connection.sendall(
                b"POST /detect HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\n"
                b"Content-Length: %d\r\n\r\n%b" % (len(PHOTO), PHOTO)
            )
            held.wait_for(running=1, queued=1)
        held.wait_for(running=1, queued=0)
    assert len(held.backend.requests) == 2


def test_bad_requests_are_answered_without_waiting() -> None:
    with busy() as held:
        response = held.service.client.post("/detect", content=b"text", headers=JPEG)
        problem(response, 415, "unsupported-image")
        response = held.service.client.post("/detect?min_size=1", content=PHOTO, headers=JPEG)
        problem(response, 422, "invalid-params")


def test_accepted_requests_are_finished_on_shutdown() -> None:
    backend = FakeBackend()
    with httpx2.Client(timeout=30) as client, ThreadPoolExecutor(1) as pool:
        with live(backend) as service:
            backend.respond = after(lambda: wait_until(lambda: service.server.should_exit))
            url = f"{service.url}/detect"
            post = pool.submit(client.post, url, content=PHOTO, headers=JPEG)
            wait_until(lambda: len(backend.requests) == 2)  # the warm-up's is the first
        assert post.result().status_code == 200


def test_requests_that_cannot_be_finished_on_shutdown_get_503() -> None:
    backend = FakeBackend()
    release = Event()

    def block() -> None:
        assert release.wait(30)

    def release_once_answered() -> None:
        wait(posts)
        release.set()

    with httpx2.Client(timeout=30) as client, ThreadPoolExecutor(3) as pool:
        with live(backend, threads=1, shutdown_timeout_s=0.5) as service:
            url = f"{service.url}/detect"
            backend.respond = after(block)
            posts = [pool.submit(client.post, url, content=PHOTO, headers=JPEG) for _ in range(2)]
            wait_until(
                lambda: "facedetect_queued_images 1.0" in service.client.get("/metrics").text
            )
            pool.submit(release_once_answered)
        answers = [post.result() for post in posts]
    for answer in answers:
        assert "retry it" in problem(answer, 503, "stopping")
        assert int(answer.headers["retry-after"]) > 0
