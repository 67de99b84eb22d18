"""Load-test the service beyond its capacity: scripts/bench load.

Requests arrive at random times at a fixed rate, whether or not earlier ones have been answered (an
open loop): at the service's capacity, which is measured first, and at multiples of it. The rate
of accepted requests must not drop.

The service runs on one core and the clients on another, so that they do not slow it down.
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

from benchmarks.arguments import bench_parser
from benchmarks.charts import draw_load
from benchmarks.clients import Load, client_process, closed_loop, open_loop, post_of
from benchmarks.compare_services import photographs
from benchmarks.load_stats import Answer, LoadStats, format_errors, median_stats, summarize
from benchmarks.pages import print_table, write_section
from benchmarks.pictures import pictures
from benchmarks.process_memory import watched_memory
from benchmarks.servers import Gateway, gateway, wait_for
from facedetect.images import encode_image

_TIMES = (0.5, 1.0, 2.0, 5.0, 10.0)
_CAPACITY_CLIENTS = 4


@dataclass(frozen=True)
class Offered:
    """A load: its multiple of the capacity, its rate per second, and each round's statistics."""

    times: float
    rate: float
    rounds: list[LoadStats]
    has_retry_after: bool  # in every 429
    late_p99_ms: float
    client_cpu: float  # share of their core that the clients used

    @property
    def stats(self) -> LoadStats:
        return median_stats(self.rounds)

    @property
    def rejected(self) -> float:
        return self.stats.rejected / sum(self.stats.statuses.values())


def main() -> None:
    parser = bench_parser("load", __doc__, results=".json and .svg", page="benchmark-service.md")
    parser.add_argument("--rounds", type=int, default=3, help="repetitions of each load")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of each load")
    parser.add_argument(
        "--times", type=float, nargs="+", default=list(_TIMES), help="multiples of the capacity"
    )
    arguments = parser.parse_args()
    requests = mixed_requests()
    with pinned_service() as service, client_process() as clients:
        port = service.client.base_url.port or 80
        with watched_memory([service.process.pid]) as memory:
            capacity = _capacity(clients, port, requests, arguments.seconds)
            offered = _measure(clients, port, requests, capacity, arguments)
    write_report(arguments.output, arguments.page, offered, memory)


def mixed_requests() -> list[bytes]:
    """Return requests with photographs of three sizes."""
    portrait = encode_image(pictures()["portrait 512x512"], ".jpg")
    return [post_of(image) for image in (*photographs().values(), portrait)]


@contextmanager
def pinned_service() -> Iterator[Gateway]:
    """Run the service on the first core, this process and its later children on the others."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) == 1:
        sys.exit("this benchmark needs two cores, for the service and its clients; found one")
    os.sched_setaffinity(0, cores[:1])
    with gateway(env={"FACEDETECT_THREADS": "1"}) as service:
        os.sched_setaffinity(0, cores[1:])
        wait_for(service.client, "/readyz", service.process)
        yield service


def _capacity(
    clients: ProcessPoolExecutor, port: int, requests: Sequence[bytes], seconds: float
) -> float:
    """Return the throughput of a few clients that wait for each answer, after a warm-up."""
    for _ in range(2):
        load = clients.submit(closed_loop, port, requests, _CAPACITY_CLIENTS, seconds).result()
    return summarize(load.answers).per_second


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
        rounds=[summarize(load.answers, seconds) for load in rounds],
        has_retry_after=all(
            a.retry_after_s for a in answers if a.status == HTTPStatus.TOO_MANY_REQUESTS
        ),
        late_p99_ms=float(np.percentile([answer.late_ms for answer in answers], 99)),
        client_cpu=mean(load.client_cpu for load in rounds),
    )


def write_report(
    output: Path, page: Path, offered: Sequence[Offered], memory: Sequence[tuple[float, float]]
) -> None:
    """Print the table and write it into `page`; write `output`.json and .svg."""
    (full,) = [one.stats.per_second for one in offered if one.times == 1] or [float("nan")]
    head = ["load", "offered/s", "accepted/s", "relative to 1x", "p50 ms", "p99 ms", "max ms"]
    rows = [[*head, "429", "errors", "client delay, p99 ms", "client CPU"]]
    rows += [_row(one, full) for one in offered]
    text = f"{print_table(rows)}\n\n{_describe_memory(memory)} {_describe_rejections(offered)}"
    write_section(page, "load", text)
    over_time = [(round(at, 1), round(megabytes, 1)) for at, megabytes in memory]
    measured = {"loads": [asdict(one) for one in offered], "memory_mb": over_time}
    output.with_suffix(".json").write_text(json.dumps(measured) + "\n", "utf-8")
    draw_load(
        output.with_suffix(".svg"),
        [one.rate for one in offered],
        {
            "requests per second": {"accepted": [one.stats.per_second for one in offered]},
            "latency of accepted requests, ms": {
                "p50": [one.stats.p50_ms for one in offered],
                "p99": [one.stats.p99_ms for one in offered],
            },
            "rejected with 429, %": {"rejected": [100 * one.rejected for one in offered]},
        },
        memory,
    )


def _row(one: Offered, full: float) -> list[str]:
    stats = one.stats
    return [
        f"{one.times:g}x",
        f"{one.rate:.0f}",
        f"{stats.per_second:.1f}",
        f"{stats.per_second / full:.2f}",
        *(f"{value:.0f}" for value in (stats.p50_ms, stats.p99_ms, stats.longest_ms)),
        f"{one.rejected:.1%}",
        format_errors(stats),
        f"{one.late_p99_ms:.1f}",
        f"{one.client_cpu:.0%}",
    ]


def _describe_memory(memory: Sequence[tuple[float, float]]) -> str:
    values = [megabytes for _, megabytes in memory]
    third = len(values) // 3
    return (
        f"Resident memory, median: {median(values[third : 2 * third]):.0f} MB in the middle third "
        f"of the run, {median(values[2 * third :]):.0f} MB in the last; peak {max(values):.0f} MB."
    )


def _describe_rejections(offered: Sequence[Offered]) -> str:
    if not any(one.rejected for one in offered):
        return "No request was rejected."
    every = all(one.has_retry_after for one in offered)
    return f"{'Every' if every else 'Not every'} 429 had a `Retry-After` header."


if __name__ == "__main__":
    main()
