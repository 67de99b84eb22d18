"""Servers in threads: the real service over a fake model, one that plays a script, one of bytes."""

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
    """The real service on a free port, with TLS or without; gives its URL."""
    with live(backend, certificate, **overrides) as running:
        yield running.url


@dataclass(frozen=True)
class Reply:
    """One answer of a script."""

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
    """What is answered, the last reply again and again, and what was asked."""

    url: str
    replies: Sequence[Reply]
    seen: list[Seen] = field(default_factory=list)


@contextmanager
def scripted(*replies: Reply) -> Iterator[Script]:
    """A server that gives these answers, one after another."""

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

        do_POST = do_GET  # noqa: N815 - as the base class calls it

        def log_message(self, *_: object) -> None:
            """Not into the tests' output."""

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
    """Reads the beginning of each request, answers with these pieces and closes; gives its URL."""

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
    """A server that reads in drops and never answers; how much it got, whether a client left."""

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
    """A server that never answers; whether it was asked, and whether a client has left."""

    url: str
    asked: threading.Event
    left: threading.Event


@contextmanager
def silent_server(first: bytes = b"") -> Iterator[Silent]:
    """Answers its first request with `first`, if given; reads others in silence."""
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
    """Resets the connection as the request comes; gives its URL."""

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
