"""Many images: results in order, a bounded number at a time, a bounded read-ahead."""

from __future__ import annotations

import asyncio
import io
import threading
import time
from collections.abc import AsyncIterator, Iterator

import numpy as np
import pytest
from PIL import Image

from facedetect.backends.fake import FakeBackend
from facedetect.client import AsyncClient, Client
from facedetect.errors import InvalidImage, InvalidSettings, UnsupportedImage
from tests.client.replies import GOOD, PHOTO
from tests.client.servers import Silent, service, silent_server
from tests.client.waiting import AnyClient, OpenClient
from tests.conftest import ASTRONAUT
from tests.fake import after


def png(width: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.zeros((8, width, 3), np.uint8)).save(file, "PNG")
    return file.getvalue()


def test_results_come_in_order_and_bad_images_end_nothing(client: AnyClient) -> None:
    images = [png(20), b"no image", "no/such.jpg", "no\0path", png(30), ASTRONAUT]
    results = list(client.detect_batch(iter(images), min_size=10))
    assert [result.source for result in results] == images
    widths = [result.detection and result.detection.width for result in results]
    assert widths == [20, None, None, None, 30, 512]
    errors = [type(result.error) for result in results if result.error]
    assert errors == [UnsupportedImage, InvalidImage, InvalidImage]


def test_of_nothing_comes_nothing(client: AnyClient) -> None:
    assert list(client.detect_batch([])) == []


def test_as_many_are_asked_side_by_side_as_said(open_client: OpenClient) -> None:
    running, most, lock = 0, 0, threading.Lock()
    three = threading.Barrier(3)

    def count() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        three.wait(30)
        time.sleep(0.02)  # a fourth one would come now
        with lock:
            running -= 1

    backend = FakeBackend()
    with service(backend, threads=8) as url:
        client = open_client(url)
        client.wait_until_ready()
        backend.respond = after(count)
        results = list(client.detect_batch([png(20)] * 12, concurrency=3))
    assert all(result.error is None for result in results)
    assert most == 3


def test_images_are_read_no_further_ahead_than_said(client: AnyClient) -> None:
    taken, furthest = 0, 0

    def images() -> Iterator[bytes]:
        nonlocal furthest
        for number in range(30):
            furthest = max(furthest, number + 1 - taken)
            yield png(20)

    for _ in client.detect_batch(images(), concurrency=2):
        taken += 1
    assert taken == 30
    assert furthest <= 4


def test_who_stops_early_leaves_nothing_running(open_client: OpenClient) -> None:
    backend = FakeBackend()
    with service(backend, threads=1) as url:
        client = open_client(url)
        results = client.detect_batch((png(20) for _ in range(1000)), concurrency=2)
        assert next(results).detection is not None
        results.close()  # type: ignore[attr-defined]
        for _ in range(20):  # time for pending calls to finish
            client.detect(png(30))
    widths = [request.image.shape[1] for request in backend.requests]
    assert widths.count(30) == 20
    assert widths.count(20) < 10


def test_who_stops_early_does_not_wait_for_calls_in_flight(open_client: OpenClient) -> None:
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(GOOD.body)
    with silent_server(head + GOOD.body) as silent:
        results = open_client(silent.url, timeout_s=1e6).detect_batch([PHOTO] * 3, concurrency=1)
        assert next(results).detection is not None
        assert silent.asked.wait(60)
        assert not silent.left.is_set()
        results.close()  # type: ignore[attr-defined]
        assert silent.left.wait(60)


def test_images_may_come_from_calls_of_the_same_client(url: str) -> None:
    with Client(url) as client:
        widths = (client.detect(png(width)).width for width in range(20, 30))
        results = list(client.detect_batch(png(width) for width in widths))
    assert [r.detection and r.detection.width for r in results] == list(range(20, 30))


def test_an_iterable_that_fails_is_told(client: AnyClient) -> None:
    def images() -> Iterator[bytes]:
        yield png(20)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(client.detect_batch(images()))


def test_a_concurrency_that_cannot_be_is_told_at_once(url: str) -> None:
    with Client(url) as client, pytest.raises(InvalidSettings, match="concurrency is 0"):
        client.detect_batch([], concurrency=0)


def test_async_iterables(url: str) -> None:
    async def images() -> AsyncIterator[bytes]:
        for width in (20, 30, 40):
            await asyncio.sleep(0)
            yield png(width)

    async def widths() -> list[int]:
        async with AsyncClient(url) as client:
            results = [result async for result in client.detect_batch(images())]
        return [result.detection.width for result in results if result.detection]

    assert asyncio.run(widths()) == [20, 30, 40]


def test_a_cancelled_call_lets_go_of_the_service() -> None:
    async def give_up(silent: Silent) -> None:
        async with AsyncClient(silent.url) as client:
            call = asyncio.create_task(client.detect(ASTRONAUT))
            assert await asyncio.to_thread(silent.asked.wait, 10)
            assert not silent.left.is_set()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            # While the client is still open: closing it would end the connection, too.
            assert await asyncio.to_thread(silent.left.wait, 10)

    with silent_server() as silent:
        asyncio.run(give_up(silent))


def test_one_client_serves_many_threads(url: str) -> None:
    with Client(url) as client:
        found: list[int] = []
        threads = [
            threading.Thread(target=lambda width=w: found.append(client.detect(png(width)).width))
            for w in range(20, 40)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(found) == list(range(20, 40))
