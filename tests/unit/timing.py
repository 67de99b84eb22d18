"""Wait for conditions instead of sleeping, and a clock that tests set."""

from __future__ import annotations

import time
from collections.abc import Callable

_TIMEOUT_S = 30.0


def wait_until(condition: Callable[[], bool]) -> None:
    """Poll until the condition holds; the limit only ends failing tests."""
    deadline = time.monotonic() + _TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Clock:
    """Seconds that pass only by `advance`."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s

    def advance(self, seconds: float) -> None:
        self.now_s += seconds
