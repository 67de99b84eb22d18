"""What is learnt of a request while it is answered, for its line in the log and for the metrics."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from facedetect.errors import FacedetectError


@dataclass
class RequestContext:
    """Of one request; appended to from any task or thread."""

    stages: list[tuple[str, float]] = field(default_factory=list)
    """Each that has ended, with its milliseconds."""
    faces: list[int] = field(default_factory=list)
    """How many, for each image that was looked at."""
    errors: list[FacedetectError] = field(default_factory=list)
    """What the caller was told."""


# A context's variable, not a value: tasks and threads get a copy of the context of the request
# that they work for, and with it the same notes.
_NOTES: ContextVar[RequestContext] = ContextVar("facedetect_notes")


@contextmanager
def request_context() -> Iterator[RequestContext]:
    """Collect what is noted within the block."""
    notes = RequestContext()
    token = _NOTES.set(notes)
    try:
        yield notes
    finally:
        _NOTES.reset(token)


def current_request() -> RequestContext:
    """Those of the request that is being answered; outside of one, notes that nobody reads."""
    return _NOTES.get(RequestContext())
