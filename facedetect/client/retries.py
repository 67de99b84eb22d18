"""When to retry, and how long to wait first."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from facedetect.errors import InvalidSettings


@dataclass(frozen=True)
class Retries:
    """Up to `count` retries, each after a pause, all within the client's timeout.

    Pauses are random, from 0 to a maximum ("full jitter", so that clients that failed together do
    not retry together). The maximum starts at `first_pause_s` and doubles with each attempt, up to
    `longest_pause_s`. The service's Retry-After is added to it. `draw` returns a number from 0 to
    1. Raises InvalidSettings for a negative count, or pauses that are negative or out of order.
    """

    count: int = 4
    first_pause_s: float = 0.25
    longest_pause_s: float = 8.0
    draw: Callable[[], float] = random.random

    def __post_init__(self) -> None:
        if self.count < 0 or not 0 <= self.first_pause_s <= self.longest_pause_s:
            raise InvalidSettings(
                f"retries: count is {self.count}, first_pause_s {self.first_pause_s:g} and "
                f"longest_pause_s {self.longest_pause_s:g}; give a count of at least 0 and "
                "0 <= first_pause_s <= longest_pause_s"
            )

    def pause_s(self, tries: int, retry_after_s: float | None) -> float:
        """Return how long to wait after that many failed attempts."""
        longest_s: float = min(self.longest_pause_s, self.first_pause_s * 2 ** (tries - 1))
        return (retry_after_s or 0.0) + self.draw() * longest_s


DEFAULT_RETRIES = Retries()
NO_RETRIES = Retries(count=0)


def parse_retry_after(header: str, now: datetime | None = None) -> float | None:
    """Return the delay that a Retry-After header requests, s; None if it cannot be parsed.

    `now` is by default the system time.
    """
    if header.isascii() and header.isdecimal():
        return float(header)
    try:
        date = parsedate_to_datetime(header)
    except (ArithmeticError, ValueError):  # years and zones outside the calendar
        return None
    if date.tzinfo is None:  # "-0000": UTC, zone unknown
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - (now or datetime.now(UTC))).total_seconds())
