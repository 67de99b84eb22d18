"""Retry calls that a busy or unavailable server did not answer."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from facedetect.tfserving.api import ServingError
from facedetect.tfserving.serving_pb2 import Code

T = TypeVar("T")

_FIRST_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 1.0

# TensorFlow's message when memory runs out, and gRPC's for a message above its limit.
_TOO_LARGE = ("OOM when allocating", "larger than max")


def ask_until_free(
    call: Callable[[float], T], timeout_s: float, unavailable_pauses_s: Sequence[float] = ()
) -> T:
    """Return `call(time_left_s)`; while the server is busy, pause and retry until time is up.

    A server that is unavailable is asked again after each of its own pauses. Raises ServingError:
    the last of these errors in the end, any other at once. A client calls its replicas in turn, so
    a retry goes to another one if there is one.
    """
    deadline = time.monotonic() + timeout_s
    busy_pauses, unavailable_pauses = _pauses(), iter(unavailable_pauses_s)
    while True:
        try:
            return call(deadline - time.monotonic())
        except ServingError as error:
            if _is_busy(error):
                pause_s, unavailable_pauses = next(busy_pauses), iter(unavailable_pauses_s)
            elif error.code == Code.UNAVAILABLE:
                pause_s = next(unavailable_pauses, math.inf)
            else:
                raise
            if time.monotonic() + pause_s >= deadline:
                raise
        time.sleep(pause_s)


def _pauses() -> Iterator[float]:
    """Yield growing random pauses, so that callers rejected together do not retry together."""
    longest_s = _FIRST_PAUSE_S
    while True:
        yield longest_s * random.uniform(0.5, 1)  # noqa: S311
        longest_s = min(2 * longest_s, _LONGEST_PAUSE_S)


def _is_busy(error: ServingError) -> bool:
    """Return whether to retry: requests that are too large have the same code, but stay so."""
    is_too_large = any(words in error.args[0] for words in _TOO_LARGE)
    return error.code == Code.RESOURCE_EXHAUSTED and not is_too_large
