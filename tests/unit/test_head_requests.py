"""HEAD is answered like GET, without the body."""

from __future__ import annotations

from fastapi.testclient import TestClient

from facedetect.backends.fake import FakeBackend
from tests.live import live


def test_every_get_has_a_head_and_the_document_none(client: TestClient) -> None:
    documented = client.get("/openapi.json").json()["paths"]
    assert not [path for path, methods in documented.items() if "head" in methods]
    paths = [path for path, methods in documented.items() if "get" in methods]
    assert len(paths) > 6
    for path in [*paths, "/", "/docs", "/openapi.json", "/page/app.js"]:
        got, head = client.get(path), client.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"] == got.headers["content-type"]


def test_other_calls_have_no_head(client: TestClient) -> None:
    assert client.head("/detect").status_code == 405
    assert client.head("/nothing").status_code == 404
    assert client.post("/version").headers["allow"] == "GET, HEAD"


def test_only_the_head_is_sent() -> None:
    with live(FakeBackend()) as service, service.connect() as connection:
        connection.sendall(b"HEAD /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received = b"".join(iter(lambda: connection.recv(65536), b""))
        head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert b"content-length: " in head
    assert not body
