"""Connections that send no request, or do not take their answer, are closed in time."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_MAX_HEAD_BYTES = 64 * 2**10


class _Limit:
    """Ends a connection unless it is lifted in time."""

    def __init__(self, protocol: GuardedProtocol) -> None:
        self._protocol = protocol
        self._timer: asyncio.TimerHandle | None = None

    def set(self) -> None:
        """Begin to count, if it has not begun."""
        if self._timer is None:
            # Not closed but aborted: nobody would take what is still to be written.
            abort = self._protocol.transport.abort
            self._timer = self._protocol.loop.call_later(self._protocol.timeout_s, abort)

    def lift(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 by httptools, with limits that it lacks.

    A request's head must be whole `timeout_s` after the connection, or its first byte, has come,
    and may have 64 KiB; an answer must be taken as fast. Bodies have limits of their own, in
    `uploads`.
    """

    timeout_s = 60.0
    _is_in_head = True
    _head_bytes = 0

    @classmethod
    def within(cls, timeout_s: float) -> type[GuardedProtocol]:
        """The protocol with this time limit: uvicorn makes one for each connection itself."""
        return type(cls.__name__, (cls,), {"timeout_s": timeout_s})

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head, self._answer = _Limit(self), _Limit(self)
        self._head.set()

    def data_received(self, data: bytes) -> None:
        was_in_head = self._is_in_head
        super().data_received(data)
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if is_answering:
            self._head.lift()
        else:  # what is left of a body that was refused counts as well
            self._head.set()
        if was_in_head and self._is_in_head and not is_answering:
            self._count_head(len(data))
        else:
            self._head_bytes = 0

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._is_in_head = True
        super().on_message_complete()

    def _count_head(self, count: int) -> None:
        self._head_bytes += count
        if self._head_bytes > _MAX_HEAD_BYTES:
            self.transport.abort()

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
