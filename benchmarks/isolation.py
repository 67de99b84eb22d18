"""Measure the cost of decoding in separate processes: scripts/bench isolation.

Two services, one with FACEDETECT_ISOLATE and one without, are called in turn, by one caller or by
several at once. Prints medians, and the median ratio of consecutive calls.
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
    image = resize(pictures()["group 1280x886"], width, height)
    return cv2.imencode(".jpg", image)[1].tobytes()


def row(
    isolated: Gateway,
    plain: Gateway,
    data: bytes,
    callers: int,
    rounds: int,
    size: tuple[int, int],
) -> str:
    """Return one line of the table."""
    times: dict[httpx2.Client, list[float]] = {isolated.client: [], plain.client: []}
    with ThreadPoolExecutor(callers) as threads:
        for number in range(rounds + 1):
            for client in times:  # all callers call the same service
                calls = [threads.submit(timed, client, data) for _ in range(callers)]
                seconds = [call.result() for call in calls]
                if number:  # the first calls of a size are slower
                    times[client] += seconds
    here, there = (statistics.median(found) * 1000 for found in times.values())
    pairs = zip(*times.values(), strict=True)
    ratio = statistics.median(one / other for one, other in pairs)
    return f"| {size[0]}x{size[1]} | {callers} | {here:.1f} | {there:.1f} | {ratio:.2f} |"


def timed(client: httpx2.Client, data: bytes) -> float:
    """Return the duration of one call, s."""
    start = time.perf_counter()
    answer = client.post("/detect", content=data, headers={"Content-Type": "image/jpeg"})
    seconds = time.perf_counter() - start
    answer.raise_for_status()
    return seconds


if __name__ == "__main__":
    main()
