"""Connections that send no request, or do not take their answer, are closed in time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

_MAX_HEAD_BYTES = 64 * 2**10


class _Limit:
    """Calls `end` unless it is lifted in time."""

    def __init__(self, protocol: GuardedHttpProtocol, end: Callable[[], None]) -> None:
        self._protocol = protocol
        self._end = end
        self._timer: asyncio.TimerHandle | None = None

    def set(self) -> None:
        """Begin to count, if it has not begun."""
        if self._timer is None:
            protocol = self._protocol
            self._timer = protocol.loop.call_later(protocol.timeout_s, self._expire)

    def lift(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expire(self) -> None:
        self._timer = None
        self._end()


class GuardedHttpProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 by httptools, with limits that it lacks.

    A request's head must be whole `timeout_s` after the connection, or its first byte, has come,
    and may have 64 KiB; an answer must be taken as fast; trailers are dropped. Bodies have limits
    of their own, in `uploads`. Ended connections are not closed but aborted: nobody would take
    what is still to be written.

    A request that is sent before the one before it is answered (pipelining) is dropped, and the
    connection closed after the answer, whereupon its client sends it again (RFC 9112, 9.3.2):
    uvicorn would stop reading, and not notice that the client goes away.
    """

    timeout_s = 60.0
    _is_in_head = True
    _is_dropping = False
    _head_bytes = 0
    _answered: RequestResponseCycle | None = None

    @classmethod
    def within(cls, timeout_s: float) -> type[GuardedHttpProtocol]:
        """The protocol with this time limit: uvicorn makes one for each connection itself."""
        return type(cls.__name__, (cls,), {"timeout_s": timeout_s})

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head = _Limit(self, transport.abort)
        self._answer = _Limit(self, self._abort_if_unread)
        self._head.set()

    def data_received(self, data: bytes) -> None:
        self._head_bytes += len(data)
        super().data_received(data)
        if self._is_answering():
            self._head.lift()
        else:  # what is left of a body that was refused counts as well
            self._head.set()
        if not self._is_in_head:
            self._head_bytes = 0
        elif self._head_bytes > _MAX_HEAD_BYTES:
            self.transport.abort()

    def on_message_begin(self) -> None:
        if self._answered is not None and self._is_answering():
            self._is_dropping = True
            self._answered.keep_alive = False
        else:
            super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        if not self._is_dropping:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._is_in_head and not self._is_dropping:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if not self._is_dropping:
            self._is_in_head = False
            self._head_bytes = 0
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self._is_dropping:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._is_dropping:
            self._is_in_head = True
            self._head_bytes = 0
            super().on_message_complete()

    def _is_answering(self) -> bool:
        return self._answered is not None and not self._answered.response_complete

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.get_write_buffer_size():
            self._answer.set()
        else:
            self._answer.lift()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._answer.set()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._answer.lift()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head.lift()
        self._answer.lift()
        super().connection_lost(exc)

    def _abort_if_unread(self) -> None:
        if self.transport.get_write_buffer_size():
            self.transport.abort()
