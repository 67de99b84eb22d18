"""Raw requests on sockets, unlike any client's."""

from __future__ import annotations

import json
import socket

from tests.live import Live
from tests.unit.service import JPEG, PHOTO


def head(*fields: str, path: str = "/detect") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", "Content-Type: image/jpeg", *fields]
    return "\r\n".join([*lines, "", ""]).encode()


def answer_on(connection: socket.socket) -> tuple[int, dict[str, str]]:
    """Return the status and the problem received on a connection."""
    received = b""
    while b"}" not in received:
        data = connection.recv(65536)
        assert data, f"closed after {received!r}"
        received += data
    status = int(received.split()[1])
    return status, json.loads(received.split(b"\r\n\r\n")[1].split(b"\r\n")[-1])


def bytes_until_closed(connection: socket.socket) -> int:
    """Raises TimeoutError if it stays open."""
    connection.settimeout(30)
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
