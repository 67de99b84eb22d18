"""When to ask again."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from facedetect.errors import InvalidSettings


@dataclass(frozen=True)
class Retries:
    """At most `count` further tries, each after a pause, all of them within the client's time-out.

    A pause is drawn from 0 to `first_pause_s` and twice as much after each try, up to
    `longest_pause_s` ("full jitter": clients that failed together do not come back together). Where
    the service says when to come again, the pause is that and what was drawn. `draw` returns a
    number from 0 to 1. Raises InvalidSettings for what cannot be waited for.
    """

    count: int = 4
    first_pause_s: float = 0.25
    longest_pause_s: float = 8.0
    draw: Callable[[], float] = random.random

    def __post_init__(self) -> None:
        if self.count < 0 or not 0 <= self.first_pause_s <= self.longest_pause_s:
            raise InvalidSettings(
                f"retries are {self.count} after {self.first_pause_s:g} to "
                f"{self.longest_pause_s:g} s; the count must be at least 0, and the first pause "
                "from 0 to the longest"
            )

    def pause_s(self, tries: int, retry_after_s: float | None) -> float:
        """How long to wait after that many tries have failed."""
        most_s: float = min(self.longest_pause_s, self.first_pause_s * 2 ** (tries - 1))
        return (retry_after_s or 0.0) + self.draw() * most_s


DEFAULT_RETRIES = Retries()


def to_seconds(retry_after: str) -> float | None:
    """Read a Retry-After header, seconds or an HTTP date; None if it is neither."""
    if retry_after.isascii() and retry_after.isdecimal():
        return float(retry_after)
    try:
        when = parsedate_to_datetime(retry_after)
    except (ArithmeticError, ValueError):  # of years and zones that no calendar has
        return None
    if when.tzinfo is None:  # "-0000": a time in UTC that says nothing of its place
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())
