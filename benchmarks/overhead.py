"""What HTTP costs beside calling the detector in process: scripts/bench overhead.

One request after the other, in turns with one call after the other; then as many as eight clients
get answered, in turns with as many as two threads find.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.progress import track

from benchmarks.answers import figures
from benchmarks.clients import client_process, closed_loop, form_of, post_of
from benchmarks.pages import told_table, write_section
from benchmarks.servers import Gateway, gateway, wait_for
from benchmarks.service import photographs
from facedetect import Detector
from facedetect.memory import keep_freed_buffers

_THREADS = 2  # as many as the service has
_CLIENTS = 8
_FIRST = 3  # calls of a size that are slower
_PAUSE_S = 0.02

Ways = dict[str, Callable[[], float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=60, help="single calls of each way")
    parser.add_argument("--spells", type=int, default=5, help="spells of throughput of each way")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of a spell")
    parser.add_argument("--page", type=Path, default=Path("docs/benchmark-service.md"))
    arguments = parser.parse_args()
    keep_freed_buffers()  # as the service does
    with gateway() as service, Detector() as detector:
        wait_for(service.client, "/readyz", service.process)
        rows = measure(service, detector, arguments.rounds, arguments.spells, arguments.seconds)
    write_section(arguments.page, "overhead", told_table(rows))


def measure(
    service: Gateway, detector: Detector, rounds: int, spells: int, seconds: float
) -> list[list[str]]:
    """The table of both ways, its head first; see the command's options."""
    rows = [["picture", "what", "in process", "POST /detect", "ratio"]]
    port = service.client.base_url.port or 80
    with client_process() as clients:
        for name, jpeg in photographs().items():
            times = _in_turns(_single_ways(detector, port, jpeg), rounds, "one at a time", _PAUSE_S)
            rows.append([name, "one at a time, ms", *_cells(times)])
            busy = _busy_ways(detector, port, jpeg, seconds, clients)
            rates = _in_turns(busy, spells, "side by side", 0)
            rows.append([name, "side by side, images/s", *_cells(rates)])
    return rows


def _single_ways(detector: Detector, port: int, jpeg: bytes) -> Ways:
    """Each does it once and returns how long that took, ms."""
    connection = HTTPConnection("127.0.0.1", port)
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


def _busy_ways(
    detector: Detector, port: int, jpeg: bytes, seconds: float, clients: ProcessPoolExecutor
) -> Ways:
    """Each goes on for a spell and returns the images a second."""

    def over_http() -> float:
        load = clients.submit(closed_loop, port, [post_of(jpeg)], _CLIENTS, seconds).result()
        return figures(load.answers).per_second

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
    """The medians of each way."""
    values: dict[str, list[float]] = {name: [] for name in ways}
    warm_up = _FIRST if pause_s else 1
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
