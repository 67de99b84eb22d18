"""Measure what decoding in processes of their own costs: scripts/bench isolation.

Two services, one with FACEDETECT_ISOLATE and one without, are called in turn. Prints the table of
docs/security.md: medians, and the median of the ratios of calls that followed each other.
"""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import cv2
import httpx2
from rich.console import Console
from rich.progress import track

from benchmarks.arguments import bench_parser
from benchmarks.pictures import pictures, resize
from benchmarks.servers import Gateway, gateway, wait_for

_SIZES_WH = ((640, 443), (1280, 886))
_CALLERS = (1, 8)


def main() -> None:
    parser = bench_parser("isolation", __doc__)
    parser.add_argument("--rounds", type=int, default=200, help="calls of each caller")
    rounds = parser.parse_args().rounds
    rows = []
    with gateway() as isolated, gateway(env={"FACEDETECT_ISOLATE": "false"}) as plain:
        for running in (isolated, plain):
            wait_for(running.client, "/readyz", running.process)
        cases = [(size, callers) for size in _SIZES_WH for callers in _CALLERS]
        for size, callers in track(cases, "Calling", console=Console(stderr=True)):
            rows.append(row(isolated, plain, photograph(*size), callers, rounds, size))
    print("| image | callers | isolated, ms | in process, ms | ratio |")
    print("| --- | --- | --- | --- | --- |", *rows, sep="\n")


def photograph(width: int, height: int) -> bytes:
    image = resize(pictures()["crowd 1920x1080"], width, height)
    return cv2.imencode(".jpg", image)[1].tobytes()


def row(
    isolated: Gateway,
    plain: Gateway,
    data: bytes,
    callers: int,
    rounds: int,
    size: tuple[int, int],
) -> str:
    """One line of the table."""
    with ThreadPoolExecutor(callers) as threads:
        calls = [
            threads.submit(pairs, isolated.url, plain.url, data, rounds) for _ in range(callers)
        ]
        times = [pair for call in calls for pair in call.result()]
    here, there = (statistics.median(pair[i] for pair in times) * 1000 for i in (0, 1))
    ratio = statistics.median(one / other for one, other in times)
    return f"| {size[0]}x{size[1]} | {callers} | {here:.1f} | {there:.1f} | {ratio:.2f} |"


def pairs(isolated: str, plain: str, data: bytes, rounds: int) -> list[tuple[float, float]]:
    """Seconds of calls to both services, one after the other."""
    with httpx2.Client(timeout=300) as client:
        found = []
        for number in range(rounds):
            urls = (isolated, plain) if number % 2 else (plain, isolated)
            seconds = {url: timed(client, url, data) for url in urls}
            found.append((seconds[isolated], seconds[plain]))
    return found


def timed(client: httpx2.Client, url: str, data: bytes) -> float:
    start = time.perf_counter()
    answer = client.post(f"{url}/detect", content=data, headers={"Content-Type": "image/jpeg"})
    seconds = time.perf_counter() - start
    answer.raise_for_status()
    return seconds


if __name__ == "__main__":
    main()
