"""HTTP connections with time limits: idle senders and readers are disconnected."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_MAX_HEAD_BYTES = 64 * 2**10


class _Watchdog:
    """Calls `on_timeout` once something has been pending for too long."""

    def __init__(self, protocol: GuardedHttpProtocol, on_timeout: Callable[[], None]) -> None:
        self._protocol = protocol
        self._on_timeout = on_timeout
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, *, pending: bool) -> None:
        """Start the timer, unless it is running already, or stop it."""
        if pending and self._timer is None:
            protocol = self._protocol
            self._timer = protocol.loop.call_later(protocol.timeout_s, self._expire)
        elif not pending and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expire(self) -> None:
        self._timer = None
        self._on_timeout()


class GuardedHttpProtocol(HttpToolsProtocol):
    """uvicorn's httptools protocol for HTTP/1.1, with the limits that it lacks.

    The head of a request must be complete within `timeout_s` of the connection or of its first
    byte, and must not exceed 64 KiB. A response must be read within the same time. Trailers are
    dropped. Bodies have limits of their own (`uploads.py`). Connections over a limit are aborted,
    not closed: nobody would read what is left to write.

    A request sent before the previous one is answered (pipelining) is dropped, and the connection
    is closed after the response; the client then sends it again (RFC 9112, section 9.3.2).
    uvicorn would stop reading instead, and not notice when the client disconnects.
    """

    timeout_s = 60.0
    _in_head = True
    _is_dropping = False
    _head_bytes = 0

    @classmethod
    def with_timeout(cls, timeout_s: float) -> type[GuardedHttpProtocol]:
        """Return a subclass with this time limit, for uvicorn to create one per connection."""
        return type(cls.__name__, (cls,), {"timeout_s": timeout_s})

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head_watchdog = _Watchdog(self, transport.abort)
        self._response_watchdog = _Watchdog(self, self._abort_if_unread)
        self._head_watchdog.watch(pending=True)

    def data_received(self, data: bytes) -> None:
        self._head_bytes += len(data)
        super().data_received(data)
        # The rest of a refused body counts as well.
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
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self._is_dropping:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._is_dropping:
            self._in_head = True
            self._head_bytes = 0
            super().on_message_complete()

    def _is_responding(self) -> bool:
        # Dropped requests get no cycle, so this is always that of the request being answered.
        return self.cycle is not None and not self.cycle.response_complete

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._response_watchdog.watch(pending=self.transport.get_write_buffer_size() > 0)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._response_watchdog.watch(pending=True)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._response_watchdog.watch(pending=False)

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_watchdog.watch(pending=False)
        self._response_watchdog.watch(pending=False)
        super().connection_lost(exc)

    def _abort_if_unread(self) -> None:
        if self.transport.get_write_buffer_size():
            self.transport.abort()
