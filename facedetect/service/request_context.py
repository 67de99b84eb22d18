"""What becomes known about a request while it is processed: for its log line and the metrics."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from facedetect.errors import FacedetectError


@dataclass
class RequestContext:
    """Facts about one request; any of its tasks or threads may append."""

    stages: list[tuple[str, float]] = field(default_factory=list)
    """Completed stages, with their duration in milliseconds."""
    faces: list[int] = field(default_factory=list)
    """Number of faces in each image processed."""
    errors: list[FacedetectError] = field(default_factory=list)
    """Errors reported to the client."""


# Tasks and threads run in a copy of the context of the request that they work for: they all find
# the same object in it.
_CURRENT: ContextVar[RequestContext] = ContextVar("facedetect_request")


@contextmanager
def request_context() -> Iterator[RequestContext]:
    """Start a request: within the block, `current_request` returns what this yields."""
    context = RequestContext()
    token = _CURRENT.set(context)
    try:
        yield context
    finally:
        _CURRENT.reset(token)


def current_request() -> RequestContext:
    """Return the context of the current request; outside of requests, one that nobody reads."""
    return _CURRENT.get(RequestContext())
