"""Rate limits: how many requests a caller may send."""

from __future__ import annotations

import math
import time
from functools import cache

from limits import RateLimitItem, parse_many
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from facedetect.errors import RateLimited


@cache
def parse_rate_limit(text: str) -> tuple[RateLimitItem, ...]:
    """Parse `600/minute`, or several limits joined by `;`, which all apply. Raises ValueError."""
    try:
        limits = tuple(parse_many(text))
    except ValueError:
        limits = ()
    if not limits or any(limit.amount < 1 for limit in limits):
        raise ValueError(
            f"invalid rate limit {text!r}: write a number of requests per second, minute, hour or "
            "day, such as 600/minute; join several with a semicolon, such as "
            "10/second;600/minute"
        )
    return limits


class RateLimits:
    """Counts requests in sliding windows: two numbers per caller and limit. For one event loop.

    The previous window is weighted by the fraction that the sliding window still covers.
    """

    def __init__(self, default: str | None) -> None:
        """`default` applies to callers without their own limit; None allows any rate.

        Raises ValueError like `parse_rate_limit`.
        """
        self._default = () if default is None else parse_rate_limit(default)
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def count(self, caller: str, own_limit: str | None = None) -> None:
        """Count a request. Raises RateLimited, without counting it, if a limit is exceeded."""
        limit = self._default if own_limit is None else parse_rate_limit(own_limit)
        for item in limit:
            if not await self._limiter.test(item, caller):
                stats = await self._limiter.get_window_stats(item, caller)
                wait_s = max(1, math.ceil(stats.reset_time - time.time()))
                raise RateLimited(f"rate limit of {item} exceeded; retry in {wait_s} s", wait_s)
        for item in limit:
            await self._limiter.hit(item, caller)
