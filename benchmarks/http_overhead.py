"""Measure the overhead of HTTP over in-process calls of the detector: scripts/bench http-overhead.

First latency: single requests alternate with single calls. Then throughput: eight concurrent
clients alternate with two threads that call the detector.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from statistics import median

from rich.console import Console
from rich.progress import track

from benchmarks.arguments import bench_parser
from benchmarks.clients import client_process, closed_loop, form_of, post_of
from benchmarks.compare_services import photographs
from benchmarks.load_stats import summarize
from benchmarks.pages import print_table, write_section
from benchmarks.servers import Gateway, gateway, wait_for
from facedetect import Detector
from facedetect.memory import keep_freed_buffers

_THREADS = 2  # as many as the service uses
_CLIENTS = 8
_WARM_UP = 3  # the first calls of an image size are slower
_PAUSE_S = 0.02

Ways = dict[str, Callable[[], float]]


def main() -> None:
    parser = bench_parser("http-overhead", __doc__, page="benchmark-service.md")
    parser.add_argument("--rounds", type=int, default=60, help="calls for the latency")
    parser.add_argument("--repetitions", type=int, default=5, help="repetitions of the throughput")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of a repetition")
    arguments = parser.parse_args()
    keep_freed_buffers()  # as the service does
    with gateway() as service, Detector() as detector:
        wait_for(service.client, "/readyz", service.process)
        rows = measure(
            service, detector, arguments.rounds, arguments.repetitions, arguments.seconds
        )
    write_section(arguments.page, "http-overhead", print_table(rows))


def measure(
    service: Gateway, detector: Detector, rounds: int, repetitions: int, seconds: float
) -> list[list[str]]:
    """Return the table, header first; the arguments are the command's options."""
    rows = [["picture", "measure", "in process", "POST /detect", "ratio"]]
    port = service.client.base_url.port or 80
    with client_process() as clients:
        for name, jpeg in photographs().items():
            with closing(HTTPConnection("127.0.0.1", port)) as connection:
                single = _single_calls(detector, connection, jpeg)
                times = _in_turns(single, rounds, "latency", _PAUSE_S)
            rows.append([name, "latency, ms", *_cells(times)])
            busy = _concurrent_calls(detector, port, jpeg, seconds, clients)
            rates = _in_turns(busy, repetitions, "throughput", 0)
            rows.append([name, "throughput, images/s", *_cells(rates)])
    return rows


def _single_calls(detector: Detector, connection: HTTPConnection, jpeg: bytes) -> Ways:
    """Return functions that each make one call and return its latency, ms."""
    form = form_of(jpeg)
    headers, body = dict(form.headers), form.read()

    def post() -> None:
        connection.request("POST", "/detect", body, headers)
        response = connection.getresponse()
        answer = response.read()
        assert response.status == 200, answer  # noqa: PLR2004

    return {
        "in process": lambda: _timed_ms(lambda: detector.detect(jpeg)),
        "POST /detect": lambda: _timed_ms(post),
    }


def _timed_ms(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000


def _concurrent_calls(
    detector: Detector, port: int, jpeg: bytes, seconds: float, clients: ProcessPoolExecutor
) -> Ways:
    """Return functions that each run for `seconds` and return images per second."""

    def over_http() -> float:
        load = clients.submit(closed_loop, port, [post_of(jpeg)], _CLIENTS, seconds).result()
        return summarize(load.answers).per_second

    return {"in process": lambda: _threads_rate(detector, jpeg, seconds), "POST /detect": over_http}


def _threads_rate(detector: Detector, jpeg: bytes, seconds: float) -> float:
    started = time.monotonic()

    def detect() -> int:
        count = 0
        while time.monotonic() - started < seconds:
            detector.detect(jpeg)
            count += 1
        return count

    with ThreadPoolExecutor(_THREADS) as pool:
        counts = [pool.submit(detect) for _ in range(_THREADS)]
        return sum(count.result() for count in counts) / (time.monotonic() - started)


def _in_turns(ways: Ways, rounds: int, what: str, pause_s: float) -> list[float]:
    """Alternate between the ways; return the median of each."""
    values: dict[str, list[float]] = {name: [] for name in ways}
    warm_up = _WARM_UP if pause_s else 1
    for turn in track(range(rounds + warm_up), f"Measuring {what}", console=Console(stderr=True)):
        for name, way in ways.items():
            time.sleep(pause_s)
            value = way()
            if turn >= warm_up:
                values[name].append(value)
    return [median(found) for found in values.values()]


def _cells(medians: list[float]) -> list[str]:
    in_process, over_http = medians
    return [f"{in_process:.1f}", f"{over_http:.1f}", f"{over_http / in_process:.2f}x"]


if __name__ == "__main__":
    main()
