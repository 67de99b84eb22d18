"""Connections that send or read too slowly, over real sockets."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

import numpy as np
import pytest

from benchmarks.process_memory import resident_mb
from facedetect.backends.fake import FakeBackend
from facedetect.images import encode_image
from tests.fake import after
from tests.live import Live, live
from tests.unit.service import PHOTO
from tests.unit.timing import wait_until
from tests.unit.wire import bytes_until_closed, head, is_well


@pytest.fixture
def service() -> Iterator[Live]:
    with live(FakeBackend(), stall_timeout_s=1) as running:
        yield running


@pytest.mark.parametrize("sent", [b"", b"POST /detect HT", head("Content-Length: 9")[:-2]])
def test_an_incomplete_head_times_out(service: Live, sent: bytes) -> None:
    with service.connect() as connection:
        connection.sendall(sent)
        assert bytes_until_closed(connection) == 0
    assert is_well(service)


def test_an_endless_head_is_refused(service: Live) -> None:
    line = b"X-More: " + b"x" * 8000 + b"\r\n"
    with service.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n")
        with pytest.raises(ConnectionError):
            connection.sendall(line * 1000)
    assert is_well(service)


def test_a_response_that_is_not_read_times_out(service: Live) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (2000, 2000, 3), dtype=np.uint8)
    data = encode_image(noise, ".png")  # more than the system keeps for a reader
    with service.connect() as connection:
        connection.sendall(head(f"Content-Length: {len(data)}", path="/annotate") + data)
        wait_until(lambda: len(unread(service)) > 0)
        wait_until(lambda: not service.server.server_state.connections)
        assert bytes_until_closed(connection) < len(data)
    assert is_well(service)


def test_a_few_unread_bytes_do_not_keep_a_connection_open(service: Live) -> None:
    """Too few for the server to pause writing."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", service.port))
        while not (sizes := unread(service)):
            request_and_wait(service, connection)
        assert max(sizes) < 64 * 2**10
        wait_until(lambda: not unread(service))
    assert is_well(service)


def request_and_wait(service: Live, connection: socket.socket) -> None:
    """Send a request and wait until the service has written the response."""
    state = service.server.server_state
    before = state.total_requests
    connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n")
    wait_until(lambda: state.total_requests > before)


def unread(service: Live) -> list[int]:
    """The number of bytes left to write, for each connection that has any."""
    connections = list(service.server.server_state.connections)
    sizes = [protocol.transport.get_write_buffer_size() for protocol in connections]
    return [size for size in sizes if size]


@pytest.mark.parametrize("hosts", [["Host: x", "Host: x"], ["Host: x", "Host: y"], []])
def test_a_request_must_name_one_host(service: Live, hosts: list[str]) -> None:
    with service.connect() as connection:
        connection.sendall("\r\n".join(["GET /healthz HTTP/1.1", *hosts, "", ""]).encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 400")
    assert is_well(service)


def test_http_1_0_needs_no_host(service: Live) -> None:
    with service.connect() as connection:
        connection.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")


def test_trailers_are_not_kept(service: Live) -> None:
    trailers = b"a:b\r\n" * 100_000
    with service.connect() as connection:
        connection.sendall(head("Transfer-Encoding: chunked") + b"0\r\n")
        before = resident_mb()
        for _ in range(20):
            connection.sendall(trailers)
        grown = resident_mb() - before
    assert grown < 60
    assert is_well(service)


def test_a_pipelined_request_is_dropped_and_the_connection_closed(service: Live) -> None:
    call = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    with service.connect() as connection:
        connection.sendall(call * 3)
        answers = b""
        while data := connection.recv(65536):
            answers += data
    assert answers.count(b"HTTP/1.1 200") == 1
    assert b"connection: close" in answers.lower()
    assert is_well(service)


def test_a_refusal_arrives_however_much_of_the_body_is_left(service: Live) -> None:
    """Even if the client wants the connection closed, as Python's urllib always does."""
    body = bytes(20_000_000)
    with service.connect() as connection:
        fields = f"Content-Length: {len(body)}", "Connection: close"
        connection.sendall(head(*fields, path="/detect?min_size=1") + body)
        answer = b""
        while data := connection.recv(65536):
            answer += data
    assert answer.startswith(b"HTTP/1.1 422")
    assert b"connection: close" in answer.lower()
    assert b"min_size must be at least 8" in answer


def test_a_refused_body_that_stands_still_is_not_waited_for(service: Live) -> None:
    with service.connect() as connection:
        connection.sendall(head("Content-Length: 9000000", "Connection: close", path="/nowhere"))
        connection.sendall(bytes(1000))
        assert bytes_until_closed(connection) > 0
        wait_until(lambda: not service.server.server_state.connections)
    assert is_well(service)


def test_the_head_of_a_pipelined_request_is_limited() -> None:
    line = b"X-More: " + b"x" * 8000 + b"\r\n"
    with held() as (service, connection):
        connection.sendall(b"GET / HTTP/1.1\r\n")
        with pytest.raises(ConnectionError):
            connection.sendall(line * 1000)
        assert is_alive(service)


def test_a_disconnect_is_noticed_after_a_pipelined_request() -> None:
    with held() as (service, _):
        with service.connect() as connection:
            connection.sendall(head(f"Content-Length: {len(PHOTO)}") + PHOTO)
            wait_until(lambda: has_queued(service, 1))
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            time.sleep(0.2)
        wait_until(lambda: has_queued(service, 0))


def has_queued(service: Live, count: int) -> bool:
    return f"facedetect_queued_images {count}.0" in service.client.get("/metrics").text


@contextmanager
def held() -> Iterator[tuple[Live, socket.socket]]:
    """A service whose only thread is busy with the image of this connection."""
    backend = FakeBackend()
    busy, release = Event(), Event()

    def block() -> None:
        busy.set()
        assert release.wait(20)

    with live(backend, threads=1) as service, service.connect() as connection:
        backend.respond = after(block)
        try:
            connection.sendall(head(f"Content-Length: {len(PHOTO)}") + PHOTO)
            assert busy.wait(10)
            yield service, connection
        finally:
            release.set()


def is_alive(service: Live) -> bool:
    return service.client.get("/healthz").status_code == 200


def test_many_requests_on_one_connection_do_not_add_up_to_a_long_head(service: Live) -> None:
    for _ in range(400):
        assert service.client.get("/healthz", headers={"X-Some": "x" * 300}).status_code == 200
