"""Servers in threads: the real service with a fake model, a scripted one, and raw bytes."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from facedetect.backends.fake import FakeBackend
from tests.live import live


@contextmanager
def service(
    backend: FakeBackend, certificate: Path | None = None, **overrides: Any
) -> Iterator[str]:
    """Run the real service on a free port, with or without TLS; yield its URL."""
    with live(backend, certificate, **overrides) as running:
        yield running.url


@dataclass(frozen=True)
class Reply:
    """One reply of a script."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    """One request to a script."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Script:
    """The replies, of which the last one repeats, and the requests received."""

    url: str
    replies: Sequence[Reply]
    seen: list[Seen] = field(default_factory=list)


@contextmanager
def scripted(*replies: Reply) -> Iterator[Script]:
    """Run a server that gives these replies one after the other."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            names = {name.lower(): value for name, value in self.headers.items()}
            script.seen.append(Seen(self.path, names, self.rfile.read(length)))
            reply = script.replies[min(len(script.seen), len(script.replies)) - 1]
            self.send_response(reply.status)
            for name, value in {**reply.headers, "Content-Length": str(len(reply.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

        do_POST = do_GET  # noqa: N815 - the base class's name

        def log_message(self, *_: object) -> None:
            """Keep the tests' output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        script = Script(f"http://127.0.0.1:{server.server_port}", replies)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield script
        finally:
            server.shutdown()


@contextmanager
def raw_server(*pieces: bytes, pause_s: float = 0.0) -> Iterator[str]:
    """Read the start of each request, answer with these pieces and close; yield the URL."""

    def answer(connection: socket.socket) -> None:
        connection.recv(65536)
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(pause_s)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):  # closing with bytes unread would reset the connection
            pass

    with _listening(answer) as url:
        yield url


@dataclass
class SlowReader:
    """A server that reads slowly and never answers; records bytes and disconnects."""

    url: str = ""
    received: int = 0
    left: threading.Event = field(default_factory=threading.Event)


@contextmanager
def slow_reader() -> Iterator[SlowReader]:
    reader = SlowReader()

    def read(connection: socket.socket) -> None:
        with suppress(ConnectionResetError):
            while data := connection.recv(65536):
                reader.received += len(data)
                time.sleep(0.05)
        reader.left.set()

    with _listening(read) as reader.url:
        yield reader


@dataclass(frozen=True)
class Silent:
    """A server that never answers; records whether it was called, and whether a client left."""

    url: str
    asked: threading.Event
    left: threading.Event


@contextmanager
def silent_server(first: bytes = b"") -> Iterator[Silent]:
    """Answer the first request with `first`, if given; read others without answering."""
    asked, left = threading.Event(), threading.Event()
    answers = [first] if first else []

    def read(connection: socket.socket) -> None:
        if answers:
            connection.recv(2**20)
            connection.sendall(answers.pop())
            return
        asked.set()
        with suppress(ConnectionResetError):
            while connection.recv(2**20):
                pass
        left.set()

    with _listening(read) as url:
        yield Silent(url, asked, left)


@contextmanager
def resetting_server() -> Iterator[str]:
    """Reset the connection when the request arrives; yield the URL."""

    def reset(connection: socket.socket) -> None:
        connection.recv(1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with _listening(reset) as url:
        yield url


@contextmanager
def _listening(handle: Callable[[socket.socket], None]) -> Iterator[str]:
    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            handle(connection)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
