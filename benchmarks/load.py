"""The service under more load than it can bear: scripts/bench load.

Requests come at random times at a fixed rate, whether answers come or not: at the service's
capacity, which is measured first, and at many times that. What is accepted must stay the same.

The service has one core, the clients another one: so what they cost does not slow it down.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from statistics import mean, median

import numpy as np
from rich.console import Console
from rich.progress import track

from benchmarks.answers import Answer, Figures, figures, median_figures, told_errors
from benchmarks.charts import draw_load
from benchmarks.clients import Load, client_process, closed_loop, open_loop, post_of
from benchmarks.memory import watched_memory
from benchmarks.pages import told_table, write_section
from benchmarks.pictures import pictures
from benchmarks.servers import Gateway, gateway, wait_for
from benchmarks.service import photographs
from facedetect.images import encode_image

_TIMES = (0.5, 1.0, 2.0, 5.0, 10.0)
_CAPACITY_CLIENTS = 4


@dataclass(frozen=True)
class Offered:
    """A load, its rate in requests a second, and what came of it in each round."""

    times: float
    rate: float
    rounds: list[Figures]
    says_when: bool  # all that was rejected
    late_p99_ms: float
    busy: float  # the share of its core that the clients took

    @property
    def found(self) -> Figures:
        return median_figures(self.rounds)

    @property
    def rejected(self) -> float:
        return self.found.rejected / sum(self.found.statuses.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each load in each round")
    parser.add_argument("--times", type=float, nargs="+", default=list(_TIMES))
    parser.add_argument("--output", type=Path, default=Path("docs/benchmark-load"))
    parser.add_argument("--page", type=Path, default=Path("docs/benchmark-service.md"))
    arguments = parser.parse_args()
    requests = mixed_requests()
    with pinned_service() as service, client_process() as clients:
        port = service.client.base_url.port or 80
        with watched_memory([service.process.pid]) as memory:
            capacity = _capacity(clients, port, requests, arguments.seconds)
            offered = _measure(clients, port, requests, capacity, arguments)
    write_report(arguments.output, arguments.page, offered, memory)


def mixed_requests() -> list[bytes]:
    """Photographs of several sizes, each as often as the others."""
    portrait = encode_image(pictures()["portrait 512x512"], ".jpg")
    return [post_of(image) for image in (*photographs().values(), portrait)]


@contextmanager
def pinned_service() -> Iterator[Gateway]:
    """The service on a core of its own; this process and those it starts then get the others."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) == 1:
        sys.exit("the service and its clients need a core each; there is only one")
    os.sched_setaffinity(0, cores[:1])
    with gateway(
        "--backend", "embedded:?inter_op_threads=1", env={"FACEDETECT_THREADS": "1"}
    ) as service:
        os.sched_setaffinity(0, cores[1:])
        wait_for(service.client, "/readyz", service.process)
        yield service


def _capacity(
    clients: ProcessPoolExecutor, port: int, requests: Sequence[bytes], seconds: float
) -> float:
    """Requests a second that a few clients get answered, once the first ones have been."""
    for _ in range(2):
        load = clients.submit(closed_loop, port, requests, _CAPACITY_CLIENTS, seconds).result()
    return figures(load.answers).per_second


def _measure(
    clients: ProcessPoolExecutor,
    port: int,
    requests: Sequence[bytes],
    capacity: float,
    arguments: argparse.Namespace,
) -> list[Offered]:
    loads: dict[float, list[Load]] = {times: [] for times in arguments.times}
    turns = [(turn, times) for turn in range(arguments.rounds) for times in loads]
    for turn, times in track(turns, "Measuring", console=Console(stderr=True)):
        rate = times * capacity
        load = clients.submit(open_loop, port, requests, rate, arguments.seconds, turn)
        loads[times].append(load.result())
    return [
        _offered(times, times * capacity, rounds, arguments.seconds)
        for times, rounds in loads.items()
    ]


def _offered(times: float, rate: float, rounds: list[Load], seconds: float) -> Offered:
    answers: list[Answer] = [answer for load in rounds for answer in load.answers]
    return Offered(
        times=times,
        rate=rate,
        rounds=[figures(load.answers, seconds) for load in rounds],
        says_when=all(a.retry_after_s for a in answers if a.status == HTTPStatus.TOO_MANY_REQUESTS),
        late_p99_ms=float(np.percentile([answer.late_ms for answer in answers], 99)),
        busy=mean(load.busy for load in rounds),
    )


def write_report(
    output: Path, page: Path, offered: Sequence[Offered], memory: Sequence[tuple[float, float]]
) -> None:
    """Print the table, write it into the page, and `output`.json and .svg."""
    (full,) = [one.found.per_second for one in offered if one.times == 1] or [float("nan")]
    head = ["offered", "requests/s", "accepted/s", "of those at 1x", "p50 ms", "p99 ms", "longest"]
    rows = [[*head, "429", "errors", "clients late, p99 ms", "clients' core"]]
    rows += [_row(one, full) for one in offered]
    text = f"{told_table(rows)}\n\n{_told_memory(memory)} {_told_rejections(offered)}"
    write_section(page, "load", text)
    over_time = [(round(at, 1), round(megabytes, 1)) for at, megabytes in memory]
    measured = {"loads": [asdict(one) for one in offered], "memory_mb": over_time}
    output.with_suffix(".json").write_text(json.dumps(measured) + "\n", "utf-8")
    draw_load(
        output.with_suffix(".svg"),
        [one.rate for one in offered],
        {
            "requests a second": {"accepted": [one.found.per_second for one in offered]},
            "latency of the accepted, ms": {
                "p50": [one.found.p50_ms for one in offered],
                "p99": [one.found.p99_ms for one in offered],
            },
            "rejected with 429, %": {"rejected": [100 * one.rejected for one in offered]},
        },
        memory,
    )


def _row(one: Offered, full: float) -> list[str]:
    found = one.found
    return [
        f"{one.times:g}x",
        f"{one.rate:.0f}",
        f"{found.per_second:.1f}",
        f"{found.per_second / full:.2f}",
        *(f"{value:.0f}" for value in (found.p50_ms, found.p99_ms, found.longest_ms)),
        f"{one.rejected:.1%}",
        told_errors(found),
        f"{one.late_p99_ms:.1f}",
        f"{one.busy:.0%}",
    ]


def _told_memory(memory: Sequence[tuple[float, float]]) -> str:
    values = [megabytes for _, megabytes in memory]
    third = len(values) // 3
    return (
        f"Resident memory: {median(values[third : 2 * third]):.0f} MB in the middle third of the "
        f"time, {median(values[2 * third :]):.0f} MB in the last one, {max(values):.0f} MB at most."
    )


def _told_rejections(offered: Sequence[Offered]) -> str:
    if not any(one.rejected for one in offered):
        return "Nothing was rejected."
    all_say = all(one.says_when for one in offered)
    return f"{'Every' if all_say else 'Not every'} 429 had a `Retry-After`."


if __name__ == "__main__":
    main()
