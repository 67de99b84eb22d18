"""Bounds the memory of responses that clients have not read yet."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Protocol

logger = logging.getLogger(__name__)


class Connection(Protocol):
    """A connection with a response that its client has not read."""

    @property
    def caller_id(self) -> str: ...

    @property
    def unread_bytes(self) -> int: ...

    def abort(self) -> None:
        """Disconnect at once and free what is unread."""


class UnreadResponses:
    """Holds at most `max_bytes` of responses, or a single one of any size.

    Beyond that, the caller with the most is disconnected from its oldest response. So a client that
    does not read only harms itself, and nobody waits for it. For one event loop.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._connections: dict[Connection, None] = {}

    @property
    def held_bytes(self) -> int:
        """The memory held by all responses, bytes."""
        return sum(connection.unread_bytes for connection in self._connections)

    def add(self, connection: Connection) -> None:
        """Count a connection's unread bytes until it is removed."""
        self._connections[connection] = None
        while self.held_bytes > self._max_bytes and len(self._connections) > 1:
            self._drop_one()

    def remove(self, connection: Connection) -> None:
        """Stop counting a connection, which may already have been dropped."""
        self._connections.pop(connection, None)

    def _drop_one(self) -> None:
        held: Counter[str] = Counter()
        for connection in self._connections:
            held[connection.caller_id] += connection.unread_bytes
        ((caller_id, _),) = held.most_common(1)
        oldest = next(c for c in self._connections if c.caller_id == caller_id)
        logger.warning(
            "disconnected a client with %d unread bytes of its response: responses held %d bytes, "
            "more than the %d allowed",
            oldest.unread_bytes,
            self.held_bytes,
            self._max_bytes,
        )
        self.remove(oldest)
        oldest.abort()
