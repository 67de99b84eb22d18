"""Both clients with services that are silent, slow, interrupted or unreachable."""

from __future__ import annotations

import asyncio
import errno
import json
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from benchmarks.servers import free_port
from facedetect.client.response_parsing import error_named
from facedetect.errors import (
    BackendProtocolError,
    BackendTimeout,
    BackendUnavailable,
    FacedetectError,
    ImageTooLarge,
    InvalidSettings,
    ServiceError,
    Unauthorized,
)
from facedetect.service.problems import KINDS
from tests.client.replies import FOUND, GOOD, PHOTO, problem
from tests.client.servers import (
    Reply,
    raw_server,
    resetting_server,
    scripted,
    slow_reader,
)
from tests.client.waiting import OpenClient, Sleeper


def test_what_is_sent(open_client: OpenClient) -> None:
    with scripted(GOOD) as script:
        client = open_client(f"{script.url}/faces/", api_key="a-key")
        client.detect(PHOTO, thresholds=(0.5, 0.6, 0.7), max_faces=None)
    (seen,) = script.seen
    assert seen.path == "/faces/detect?thresholds=0.5%2C0.6%2C0.7"
    assert seen.body == PHOTO
    assert seen.headers["authorization"] == "Bearer a-key"
    assert seen.headers["content-type"] == "application/octet-stream"
    assert seen.headers["content-length"] == str(len(PHOTO))
    assert seen.headers["user-agent"].startswith("facedetect/")


@pytest.mark.parametrize("slug", sorted({kind.slug for kind in KINDS.values()} - {"internal"}))
def test_problems_are_raised_as_what_they_were(open_client: OpenClient, slug: str) -> None:
    with scripted(problem(400, slug)) as script:
        with pytest.raises(FacedetectError, match=f"it is {slug}") as caught:
            open_client(script.url, Sleeper()).detect(PHOTO)
        assert len(script.seen) == 1
    assert type(caught.value) is error_named(slug)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (problem(418, "from-the-future"), ServiceError),
        (problem(404, "not-found"), ServiceError),
        (Reply(502, b"<html>Bad Gateway</html>"), BackendProtocolError),
        (Reply(504, b"<html>Gateway Time-out</html>"), BackendTimeout),
        (Reply(503, b"no healthy upstream"), BackendUnavailable),
        (Reply(413, b"<html>nginx</html>"), ImageTooLarge),
        (Reply(401, b""), Unauthorized),
        (Reply(404, b'{"detail": "Not Found"}'), BackendProtocolError),
        (Reply(301, b"", {"Location": "https://elsewhere/"}), BackendProtocolError),
        (Reply(599, b"\xff\x00"), BackendProtocolError),
        (Reply(200, b"<html>Welcome</html>"), BackendProtocolError),
        (Reply(200, b"[1]"), BackendProtocolError),
        (Reply(200, b"[" * 100_000), BackendProtocolError),
        (Reply(200, json.dumps({**FOUND, "faces": [{"box": {}}]}).encode()), BackendProtocolError),
        (Reply(200, json.dumps(FOUND).replace("9", "1e999").encode()), BackendProtocolError),
        (Reply(200, json.dumps(FOUND).replace("1}", "-1}").encode()), BackendProtocolError),
        (Reply(200, b"not gzip", {"Content-Encoding": "gzip"}), BackendProtocolError),
    ],
)
def test_answers_that_are_not_the_services(
    open_client: OpenClient, reply: Reply, error: type[FacedetectError]
) -> None:
    with scripted(reply) as script:
        client = open_client(script.url, Sleeper())
        with pytest.raises(error) as caught:
            client.detect(PHOTO)
    assert type(caught.value) is error
    told = [str(caught.value), *getattr(caught.value, "__notes__", [])]
    assert any(f"{script.url}/detect" in line for line in told)


def test_a_redirection_tells_where_to(open_client: OpenClient) -> None:
    with (
        scripted(Reply(301, b"", {"Location": "https://elsewhere/"})) as script,
        pytest.raises(BackendProtocolError, match="a redirect to https://elsewhere/"),
    ):
        open_client(script.url).detect(PHOTO)


def test_a_picture_that_is_none(open_client: OpenClient) -> None:
    with (
        scripted(Reply(200, b"<html>", {"Content-Type": "text/html"})) as script,
        pytest.raises(BackendProtocolError, match="/annotate answered 200 OK"),
    ):
        open_client(script.url).annotate(PHOTO)


def test_nobody_listens(open_client: OpenClient) -> None:
    sleeper, port = Sleeper(), free_port()
    reason = rf"http://127.0.0.1:{port}/detect cannot be reached: \[Errno {errno.ECONNREFUSED}\]"
    with pytest.raises(BackendUnavailable, match=reason):
        open_client(f"http://127.0.0.1:{port}", sleeper).detect(PHOTO)
    assert len(sleeper.slept) == 4


def test_a_proxy_that_is_not_there(open_client: OpenClient) -> None:
    with pytest.raises(BackendUnavailable, match="cannot be reached"):
        open_client("http://service", Sleeper(), proxy=f"http://127.0.0.1:{free_port()}").detect(
            PHOTO
        )


def test_a_silent_service_ends_at_the_timeout(open_client: OpenClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = open_client(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_s=0.3)
        with pytest.raises(BackendTimeout, match=r"/detect did not answer within 0\.3 s"):
            client.detect(PHOTO)


@pytest.mark.parametrize(
    "head",
    [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"HTTP/1.1 200 OK\r\nX-Slow: "],
    ids=["body", "head"],
)
def test_a_response_that_drips_ends_at_the_timeout(open_client: OpenClient, head: bytes) -> None:
    """Each byte follows soon after the last; the complete response would be invalid."""
    with (
        raw_server(head, *[b"x"] * 100, pause_s=0.1) as url,
        pytest.raises(BackendTimeout, match=r"within 0\.5 s"),
    ):
        open_client(url, timeout_s=0.5).detect(PHOTO)


def test_an_upload_that_drips_ends_at_the_timeout(open_client: OpenClient) -> None:
    """Nobody answers after the upload: a timeout per write would end the call only then."""
    upload = bytes(64 * 2**20)  # more than the system buffers
    with slow_reader() as reader:
        with pytest.raises(BackendTimeout, match=r"within 0\.5 s"):
            open_client(reader.url, timeout_s=0.5).detect(upload)
        assert reader.left.wait(60)
        assert reader.received < len(upload)


@pytest.mark.parametrize(
    "piece",
    [b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", b"SSH-2.0-OpenSSH_9.2\r\n\r\n"],
    ids=["half", "garbage"],
)
def test_answers_that_are_not_whole(open_client: OpenClient, piece: bytes) -> None:
    sleeper = Sleeper()
    with (
        raw_server(piece) as url,
        pytest.raises(BackendProtocolError, match=f"{url}/detect did not send a complete"),
    ):
        open_client(url, sleeper).detect(PHOTO)
    assert sleeper.slept == []


@pytest.mark.parametrize(
    "server",
    [resetting_server, raw_server, lambda: raw_server(b"HTTP/1.1 200 ")],
    ids=["reset", "closed", "head"],
)
def test_a_connection_that_ends_before_an_answer(
    open_client: OpenClient, server: Callable[[], AbstractContextManager[str]]
) -> None:
    sleeper = Sleeper()
    with server() as url, pytest.raises(BackendUnavailable, match=f"connection to {url}/detect"):
        open_client(url, sleeper).detect(PHOTO)
    assert sleeper.slept == []


def test_waiting_for_a_service_that_is_not_there_yet(open_client: OpenClient) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        await asyncio.sleep(seconds)

    client = open_client(f"http://127.0.0.1:{free_port()}", sleep=sleep)
    with pytest.raises(BackendUnavailable, match=r"/readyz cannot be reached"):
        client.wait_until_ready(timeout_s=0.4)
    assert pauses


def test_waiting_ends_when_the_service_is_ready(open_client: OpenClient) -> None:
    sleeper = Sleeper()
    ready = Reply(200, b'{"status": "ready", "model": {"name": "m", "version": 2}}')
    starting = [Reply(502, b"<html>"), problem(503, "backend-unavailable"), ready]
    with scripted(*starting) as script:
        assert open_client(script.url, sleeper).wait_until_ready().version == 2
    assert len(sleeper.slept) == 2


@pytest.mark.parametrize(
    ("url", "options", "said"),
    [
        ("localhost:8000", {}, "http://HOST:PORT"),
        ("ftp://host", {}, "scheme 'ftp'"),
        ("http://", {}, "host ''"),
        ("http://host:port", {}, "not a URL"),
        (f"http://{'a' * 64}.example", {}, "not a URL"),
        ("http://host..example", {}, "not a URL"),
        ("http://host?key=1", {}, "a query"),
        ("http://host", {"timeout_s": 0}, "timeout_s is 0"),
        ("http://host", {"timeout_s": float("inf")}, "timeout_s is inf"),
        ("http://host", {"timeout_s": float("nan")}, "timeout_s is nan"),
        ("http://host", {"ca_file": "no/such.pem"}, "no/such.pem cannot be read"),
        ("http://host", {"proxy": "socks:1"}, "proxy has"),
    ],
)
def test_settings_that_cannot_be_right(
    open_client: OpenClient, url: str, options: dict[str, object], said: str
) -> None:
    with pytest.raises(InvalidSettings, match=said):
        open_client(url, **options)


@pytest.mark.parametrize("key", ["", "secret\n", "se cret", "gehëim"])
def test_keys_and_passwords_are_not_shown(open_client: OpenClient, key: str) -> None:
    with pytest.raises(InvalidSettings) as caught:
        open_client("http://host", api_key=key)
    assert "ecret" not in str(caught.value)
    with pytest.raises(InvalidSettings) as caught:
        open_client("http://user:secret@host")
    assert "secret" not in str(caught.value)
