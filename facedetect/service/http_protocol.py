"""HTTP connections with limits that disconnect idle senders and slow readers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from facedetect.service.request_context import caller_id_of
from facedetect.service.unread_responses import UnreadResponses

_MAX_HEAD_BYTES = 64 * 2**10

# The kernel buffers this much of a response. By default it would buffer megabytes, and a slow
# reader would seem to make no progress while they are sent.
_UNSENT_BYTES = 64 * 2**10


class _Watchdog:
    """Calls `on_timeout` if something stays pending for too long."""

    def __init__(self, protocol: GuardedHttpProtocol, on_timeout: Callable[[], None]) -> None:
        self._protocol = protocol
        self._on_timeout = on_timeout
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, *, pending: bool) -> None:
        """Start the timer unless it is already running, or stop it."""
        if pending and self._timer is None:
            protocol = self._protocol
            self._timer = protocol.loop.call_later(protocol.stall_timeout_s, self._expire)
        elif not pending and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expire(self) -> None:
        self._timer = None
        self._on_timeout()


class _ResponseTransport(asyncio.Transport):
    """A connection as a response writes to it: closed once the request has been read."""

    def __init__(self, protocol: GuardedHttpProtocol) -> None:
        super().__init__()
        self._protocol = protocol

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._protocol.transport.write(data)

    def is_closing(self) -> bool:
        return self._protocol.transport.is_closing()

    def close(self) -> None:
        self._protocol.close_once_read()


class GuardedHttpProtocol(HttpToolsProtocol):
    """uvicorn's httptools protocol for HTTP/1.1, with limits that uvicorn lacks.

    The head of a request must be complete within `stall_timeout_s` of the connection or of its
    first byte, must not exceed 64 KiB, and must have one Host (RFC 9112, section 3.2). Trailers are
    dropped. Bodies have separate limits (`uploads.py`). A response must be read at
    `min_transfer_rate`, measured over `stall_timeout_s`, and counts toward `unread_responses` until
    then. Connections over a limit are aborted, not closed: nobody would read the rest.

    A request sent before the previous one is answered (pipelining) is dropped, and the connection
    is closed after the response; the client then retries it (RFC 9112, section 9.3.2).
    uvicorn would instead stop reading, and not notice that the client disconnects.
    """

    stall_timeout_s: float
    min_transfer_rate: int
    unread_responses: UnreadResponses
    _in_head = True
    _is_dropping = False
    _closes_after_body = False
    _head_bytes = 0
    _unread_before = 0

    @classmethod
    def with_limits(
        cls, stall_timeout_s: float, min_transfer_rate: int, unread_responses: UnreadResponses
    ) -> type[GuardedHttpProtocol]:
        """Return a subclass with these limits, for uvicorn to create one per connection."""
        limits = {
            "stall_timeout_s": stall_timeout_s,
            "min_transfer_rate": min_transfer_rate,
            "unread_responses": unread_responses,
        }
        return type(cls.__name__, (cls,), limits)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        _limit_unsent_bytes(transport)
        self._head_watchdog = _Watchdog(self, transport.abort)
        self._reader_watchdog = _Watchdog(self, self._abort_slow_reader)
        self._head_watchdog.watch(pending=True)

    def data_received(self, data: bytes) -> None:
        self._head_bytes += len(data)
        super().data_received(data)
        # The rest of a rejected body counts, too.
        self._head_watchdog.watch(pending=not self._is_responding())
        if not self._in_head:
            self._head_bytes = 0
        elif self._head_bytes > _MAX_HEAD_BYTES:
            self.transport.abort()

    def on_message_begin(self) -> None:
        if self._is_responding():
            self._is_dropping = True
            self.cycle.keep_alive = False
        else:
            super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        if not self._is_dropping:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head and not self._is_dropping:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if not self._is_dropping:
            self._in_head = False
            self._check_host()
            super().on_headers_complete()
            self.cycle.transport = _ResponseTransport(self)

    def on_body(self, body: bytes) -> None:
        if not self._is_dropping:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._is_dropping:
            self._in_head = True
            self._head_bytes = 0
            super().on_message_complete()
        if self._closes_after_body:
            self.transport.close()

    def close_once_read(self) -> None:
        """Close after the rest of the request's body, as the client was told.

        The system resets a connection that is closed with unread data, and the client may lose the
        response (RFC 9112, section 9.6). The watchdogs bound how long the rest may take.
        """
        if self._in_head:
            self.transport.close()
        else:
            self._closes_after_body = True
            self.transport.write_eof()

    def _is_responding(self) -> bool:
        # Dropped requests get no cycle, so this one belongs to the request being answered.
        return self.cycle is not None and not self.cycle.response_complete

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch_reader()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_reader()
        self.unread_responses.add(self)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._watch_reader()
        self.unread_responses.remove(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_watchdog.watch(pending=False)
        self._reader_watchdog.watch(pending=False)
        self.unread_responses.remove(self)
        super().connection_lost(exc)

    @property
    def caller_id(self) -> str:
        """The client that reads the response."""
        return caller_id_of(self.cycle.scope)

    @property
    def unread_bytes(self) -> int:
        """The bytes still to be written, including those in `BodyPieces`."""
        to_come = 0 if self.cycle is None else self.cycle.expected_content_length
        return self.transport.get_write_buffer_size() + to_come

    def abort(self) -> None:
        """Disconnect at once and free what is left to write."""
        self.transport.abort()

    def _watch_reader(self) -> None:
        """Start measuring how fast the client reads, if there is anything left to read."""
        self._unread_before = self.unread_bytes
        self._reader_watchdog.watch(pending=False)
        self._reader_watchdog.watch(pending=self._unread_before > 0)

    def _abort_slow_reader(self) -> None:
        least = self.min_transfer_rate * self.stall_timeout_s
        if self.unread_bytes and self._unread_before - self.unread_bytes < max(1, least):
            self.abort()
        else:
            self._watch_reader()

    def _check_host(self) -> None:
        """Reject what proxies and this service might interpret differently; uvicorn answers 400."""
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (hosts == 0 and self.parser.get_http_version() == "1.1"):
            raise ValueError(f"the request has {hosts} Host headers; it must have one")


def _limit_unsent_bytes(transport: asyncio.Transport) -> None:
    connection = transport.get_extra_info("socket")
    if connection is not None and hasattr(socket, "TCP_NOTSENT_LOWAT"):
        with suppress(OSError):  # not TCP
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
