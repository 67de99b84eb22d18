"""Throughput, latency and status codes of a service under load."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from statistics import median

import numpy as np

NO_ANSWER = 0


@dataclass(frozen=True)
class Answer:
    """One request and its status.

    `due_s` is relative to the start of the load. `late_ms` is how much later it was sent, `took_ms`
    the time from due to the last byte. `status` is NO_ANSWER if the connection broke or timed out.
    """

    due_s: float
    late_ms: float
    took_ms: float
    status: int
    retry_after_s: float = 0.0  # 0 without the header

    @property
    def ended_s(self) -> float:
        return self.due_s + self.took_ms / 1000


@dataclass(frozen=True)
class LoadStats:
    """Requests per second with status 200, their latency, and the count of each status."""

    per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    longest_ms: float
    statuses: dict[int, int]

    @property
    def rejected(self) -> int:
        return self.statuses.get(HTTPStatus.TOO_MANY_REQUESTS, 0)

    @property
    def errors(self) -> dict[int, int]:
        """The counts of statuses other than 200 and 429."""
        expected = {HTTPStatus.OK, HTTPStatus.TOO_MANY_REQUESTS}
        return {status: n for status, n in self.statuses.items() if status not in expected}


def summarize(answers: Sequence[Answer], seconds: float | None = None) -> LoadStats:
    """Compute the statistics of answers; latencies are NaN if none was 200.

    The rate is over the first `seconds`, by default until the last answer.
    """
    good = [answer for answer in answers if answer.status == HTTPStatus.OK]
    ended = [answer.ended_s for answer in good]
    window = seconds or max(ended, default=1.0)
    times = [answer.took_ms for answer in good] or [float("nan")]
    p50, p95, p99, longest = np.percentile(times, [50, 95, 99, 100]).tolist()
    statuses = dict(Counter(answer.status for answer in answers))
    rate = sum(end <= window for end in ended) / window
    return LoadStats(rate, p50, p95, p99, longest, statuses)


def median_stats(rounds: Sequence[LoadStats]) -> LoadStats:
    """Combine rounds: medians, but the maximum of `longest_ms`, and the sum of statuses."""
    statuses: Counter[int] = Counter()
    for one in rounds:
        statuses.update(one.statuses)
    return LoadStats(
        per_second=median(one.per_second for one in rounds),
        p50_ms=median(one.p50_ms for one in rounds),
        p95_ms=median(one.p95_ms for one in rounds),
        p99_ms=median(one.p99_ms for one in rounds),
        longest_ms=max(one.longest_ms for one in rounds),
        statuses=dict(statuses),
    )


def format_errors(stats: LoadStats) -> str:
    """Return the errors as in `500: 3, none: 1`; `0` if there are none."""
    names = {status: str(status) if status else "none" for status in stats.errors}
    return ", ".join(f"{names[status]}: {n}" for status, n in sorted(stats.errors.items())) or "0"
