"""What a service under load answered, in figures."""

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
    """One request: when it was due, s; how late it was sent; from due to answered whole; status.

    Times begin with the load; `status` is NO_ANSWER where the connection broke or time ran out.
    """

    due_s: float
    late_ms: float
    took_ms: float
    status: int
    retry_after_s: float = 0.0  # 0 if the answer does not say

    @property
    def ended_s(self) -> float:
        return self.due_s + self.took_ms / 1000


@dataclass(frozen=True)
class Figures:
    """Faces found a second, how long that took, and how often which status was answered."""

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
        """All that is neither an answer nor a request to come again."""
        fine = {HTTPStatus.OK, HTTPStatus.TOO_MANY_REQUESTS}
        return {status: count for status, count in self.statuses.items() if status not in fine}


def figures(answers: Sequence[Answer], seconds: float | None = None) -> Figures:
    """Put answers into figures; times are NaN if no request was answered 200.

    The rate is that of the first `seconds`; without them, of the time until the last answer.
    """
    good = [answer for answer in answers if answer.status == HTTPStatus.OK]
    ended = [answer.ended_s for answer in good]
    window = seconds or max(ended, default=1.0)
    times = [answer.took_ms for answer in good] or [float("nan")]
    p50, p95, p99, longest = np.percentile(times, [50, 95, 99, 100]).tolist()
    statuses = dict(Counter(answer.status for answer in answers))
    rate = sum(end <= window for end in ended) / window
    return Figures(rate, p50, p95, p99, longest, statuses)


def median_figures(rounds: Sequence[Figures]) -> Figures:
    """The median of each figure, but the longest of all; statuses are added up."""
    statuses: Counter[int] = Counter()
    for one in rounds:
        statuses.update(one.statuses)
    return Figures(
        per_second=median(one.per_second for one in rounds),
        p50_ms=median(one.p50_ms for one in rounds),
        p95_ms=median(one.p95_ms for one in rounds),
        p99_ms=median(one.p99_ms for one in rounds),
        longest_ms=max(one.longest_ms for one in rounds),
        statuses=dict(statuses),
    )


def told_errors(found: Figures) -> str:
    """Such as `500: 3, none: 1`."""
    names = {status: str(status) if status else "none" for status in found.errors}
    return ", ".join(f"{names[status]}: {n}" for status, n in sorted(found.errors.items())) or "0"
