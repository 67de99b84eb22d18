"""Bodies that are too large, too slow, broken off or not what they say, over real sockets."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from facedetect.backends.fake import FakeBackend
from tests.live import Live, live
from tests.unit.service import JPEG, PHOTO, problem

LIMIT = 200_000


@pytest.fixture
def service() -> Iterator[Live]:
    with live(FakeBackend(), max_image_bytes=LIMIT, upload_timeout_s=1) as running:
        yield running


def head(*fields: str) -> bytes:
    lines = ["POST /detect HTTP/1.1", "Host: x", "Content-Type: image/jpeg", *fields]
    return "\r\n".join([*lines, "", ""]).encode()


def answer_on(connection: socket.socket) -> tuple[int, dict[str, str]]:
    """The status and the problem that come on a connection."""
    received = b""
    while b"}" not in received:
        data = connection.recv(65536)
        assert data, f"closed after {received!r}"
        received += data
    status = int(received.split()[1])
    return status, json.loads(received.split(b"\r\n\r\n")[1].split(b"\r\n")[-1])


def bytes_until_closed(connection: socket.socket) -> int:
    """Raises TimeoutError if it stays open."""
    connection.settimeout(8)
    received = 0
    try:
        while data := connection.recv(65536):
            received += len(data)
    except ConnectionError:
        pass
    return received


def is_well(service: Live) -> bool:
    response = service.client.post("/detect", content=PHOTO, headers=JPEG)
    return response.status_code == 200


def test_too_many_bytes_are_refused_as_they_come(service: Live) -> None:
    with service.connect() as connection:
        connection.sendall(head("Transfer-Encoding: chunked"))
        for _ in range(5):
            connection.sendall(b"c350\r\n" + bytes(0xC350) + b"\r\n")
        status, told = answer_on(connection)
    assert status == 413
    assert "more than the 200000 bytes allowed" in told["detail"]
    assert is_well(service)


def test_too_many_bytes_are_refused_as_announced(service: Live) -> None:
    with service.connect() as connection:
        connection.sendall(head("Content-Length: 3000000000"))
        assert answer_on(connection)[0] == 413


def test_a_body_longer_than_announced_is_refused(service: Live) -> None:
    with service.connect() as connection:
        connection.sendall(head(f"Content-Length: {len(PHOTO) - 5000}") + PHOTO)
        assert connection.recv(65536).startswith(b"HTTP/1.1 400")
    assert is_well(service)


@pytest.mark.parametrize("sent", [b"", PHOTO[:1000]])
def test_a_body_that_does_not_come_is_not_waited_for(service: Live, sent: bytes) -> None:
    started = time.monotonic()
    with service.connect() as connection:
        connection.sendall(head(f"Content-Length: {len(PHOTO)}") + sent)
        status, told = answer_on(connection)
    assert status == 408
    assert f"{len(sent)} bytes came in 1 s" in told["detail"]
    assert 0.9 < time.monotonic() - started < 5
    assert is_well(service)


@pytest.mark.parametrize("sent", [b"", b"POST /detect HT", head("Content-Length: 9")[:-2]])
def test_a_head_that_does_not_come_is_not_waited_for(service: Live, sent: bytes) -> None:
    with service.connect() as connection:
        connection.sendall(sent)
        assert bytes_until_closed(connection) == 0
    assert is_well(service)


def test_a_head_without_end_is_not_read(service: Live) -> None:
    line = b"X-More: " + b"x" * 8000 + b"\r\n"
    with service.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n")
        with pytest.raises(ConnectionError):
            connection.sendall(line * 1000)
    assert is_well(service)


def test_drops_do_not_prolong_the_wait(service: Live) -> None:
    started = time.monotonic()
    with service.connect() as connection:
        connection.sendall(head(f"Content-Length: {len(PHOTO)}"))
        connection.settimeout(0.1)
        while time.monotonic() - started < 10:
            connection.sendall(b"x")
            try:
                assert connection.recv(100).split()[1] == b"408"
                break
            except TimeoutError:
                pass
    assert time.monotonic() - started < 5


def test_an_answer_that_nobody_takes_is_not_waited_for() -> None:
    with (
        live(FakeBackend(), upload_timeout_s=1) as service,
        socket.socket() as connection,
    ):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", service.port))
        call = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
        connection.sendall(call * 400)  # more than the system keeps for a reader
        time.sleep(2.5)
        all_answers = 400 * len(service.client.get("/openapi.json").content)
        assert bytes_until_closed(connection) < all_answers
        assert is_well(service)


def test_uploads_share_a_bounded_memory() -> None:
    large, memory = 2_000_000, 3_100_000
    with (
        live(FakeBackend(), max_image_bytes=large, max_upload_memory=memory) as service,
        ExitStack() as stack,
    ):
        half_sent = stack.enter_context(service.connect())
        half_sent.sendall(head(f"Content-Length: {large}") + bytes(large - 1))
        wait_until_held(service, large - 1)
        response = service.client.post("/detect", content=bytes(large), headers=JPEG)
        assert "bytes of other uploads" in problem(response, 429, "overloaded")
        assert response.headers["retry-after"] == "1"
        assert is_well(service)
        half_sent.close()
        wait_until_held(service, 0)
        metrics = service.client.get("/metrics").text
        assert 'facedetect_rejections_total{reason="upload_memory"} 1.0' in metrics


def wait_until_held(service: Live, count: int) -> None:
    """Until the service says that it holds so many bytes of uploads."""
    deadline = time.monotonic() + 10
    while held_bytes(service) != count:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def held_bytes(service: Live) -> float:
    (line,) = re.findall(
        r"^facedetect_upload_bytes_held (.*)$", service.client.get("/metrics").text, re.MULTILINE
    )
    return float(line)
