"""How many requests a caller may send."""

from __future__ import annotations

import math
import time

from limits import RateLimitItem, parse_many
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from facedetect.errors import RateLimited

RateLimit = tuple[RateLimitItem, ...]
"""Each of these must have room."""


def parse_rate_limit(words: str) -> RateLimit:
    """Read `600/minute`, or several joined by `;`. Raises ValueError."""
    try:
        limits = tuple(parse_many(words))
    except ValueError:
        limits = ()
    if not limits or any(limit.amount < 1 for limit in limits):
        raise ValueError(
            f"{words!r} is no rate limit; say how many requests in what time, such as 600/minute, "
            "or several as in 10/second;600/minute"
        )
    return limits


class RateLimits:
    """Counts requests, in two numbers a caller and limit however many they are. For one event loop.

    The window slides: what the last one held counts by the share of it that is still in sight.
    """

    def __init__(self) -> None:
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def count(self, caller: str, limit: RateLimit) -> None:
        """Raise RateLimited if one of the limits is used up, else count a request."""
        for item in limit:
            if not await self._limiter.test(item, caller):
                raise await self._refusal(caller, item)
        for item in limit:
            await self._limiter.hit(item, caller)

    async def _refusal(self, caller: str, item: RateLimitItem) -> RateLimited:
        stats = await self._limiter.get_window_stats(item, caller)
        wait_s = max(1, math.ceil(stats.reset_time - time.time()))
        return RateLimited(f"the limit of {item} is used up; come again in {wait_s} s", wait_s)
