"""Serve one normal client alongside hundreds of slow ones: scripts/bench slow-clients.

Slow clients send a byte per second. Half of them never finish the request's headers, the others
never finish its body. The service must disconnect them, and the normal client must not notice.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.arguments import bench_parser
from benchmarks.clients import client_process, closed_loop, post_of
from benchmarks.compare_services import photographs
from benchmarks.load_stats import LoadStats, summarize
from benchmarks.pages import print_table, write_section
from benchmarks.process_memory import watched_memory
from benchmarks.servers import Gateway, gateway, wait_for

HEAD, BODY = "headers", "body"
_BEGINNINGS = {
    HEAD: b"POST /detect HTTP/1.1\r\nHost: slow\r\nX-Slow: ",
    BODY: b"POST /detect HTTP/1.1\r\nHost: slow\r\nContent-Type: image/jpeg\r\n"
    b"Content-Length: 100000\r\n\r\n",
}
_BYTE_EVERY_S = 1.0

CLOSED, STILL_OPEN = "closed", "still open"


@dataclass(frozen=True)
class Ending:
    """How a slow client ended: what was unfinished, after how long, and a status or CLOSED."""

    unfinished: str
    after_s: float
    how: str


@dataclass(frozen=True)
class Measured:
    """The normal client without and with slow ones; their endings; memory before and peak, MB."""

    alone: LoadStats
    beside: LoadStats
    endings: list[Ending]
    memory_mb: tuple[float, float]


def main() -> None:
    parser = bench_parser("slow-clients", __doc__, page="benchmark-service.md")
    parser.add_argument("--senders", type=int, default=500, help="slow clients")
    parser.add_argument("--seconds", type=float, default=18.0, help="length of each half")
    parser.add_argument("--timeout", type=float, default=20.0, help="FACEDETECT_STALL_TIMEOUT_S")
    arguments = parser.parse_args()
    if arguments.seconds >= arguments.timeout:
        parser.error(
            f"--seconds is {arguments.seconds:g}; it must be less than --timeout "
            f"({arguments.timeout:g}), after which the service disconnects slow clients"
        )
    env = {"FACEDETECT_STALL_TIMEOUT_S": str(arguments.timeout)}
    with gateway(env=env) as service:
        wait_for(service.client, "/readyz", service.process)
        image = photographs()["640x443"]
        sending_s = 2 * arguments.timeout
        measured = measure(service, image, arguments.senders, arguments.seconds, sending_s)
    write_section(arguments.page, "slow-clients", _report(measured))


def measure(
    service: Gateway, image: bytes, senders: int, seconds: float, sending_s: float
) -> Measured:
    """Measure a normal client for `seconds` alone, then for `seconds` alongside slow ones.

    Slow clients give up after `sending_s`, which must give the service time to disconnect them.
    """
    port, request = service.client.base_url.port or 80, [post_of(image)]
    with (
        watched_memory([service.process.pid]) as memory,
        client_process() as normal,
        client_process() as slow,
    ):
        normal.submit(closed_loop, port, request, 1, 1.0).result()
        alone = normal.submit(closed_loop, port, request, 1, seconds).result()
        before_mb = memory[-1][1]
        endings = slow.submit(send_slowly, port, senders, sending_s)
        beside = normal.submit(closed_loop, port, request, 1, seconds).result()
        ended = endings.result()
    memory_mb = (before_mb, max(megabytes for _, megabytes in memory))
    return Measured(summarize(alone.answers), summarize(beside.answers), ended, memory_mb)


def send_slowly(port: int, count: int, seconds: float) -> list[Ending]:
    """Send a byte per second over `count` connections for at most `seconds`."""

    async def send_all() -> list[Ending]:
        kinds = [(HEAD, BODY)[number % 2] for number in range(count)]
        return await asyncio.gather(*(_send(port, kind, seconds) for kind in kinds))

    return asyncio.run(send_all())


async def _send(port: int, unfinished: str, seconds: float) -> Ending:
    began = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_BEGINNINGS[unfinished])
    answer = asyncio.create_task(reader.read(4096))
    while not answer.done() and time.monotonic() - began < seconds:
        writer.write(b"x")
        await asyncio.wait([answer], timeout=_BYTE_EVERY_S)
    how = await _how(answer) if answer.done() else STILL_OPEN
    answer.cancel()
    writer.transport.abort()
    return Ending(unfinished, time.monotonic() - began, how)


async def _how(answer: asyncio.Task[bytes]) -> str:
    try:
        status = re.match(rb"HTTP/1.1 (\d+)", await answer)
    except OSError:
        return CLOSED
    return status[1].decode() if status else CLOSED


def _report(measured: Measured) -> str:
    rows = [["normal client", "requests/s", "p50 ms", "p99 ms", "statuses"]]
    rows.append(_row("alone", measured.alone))
    rows.append(_row(f"beside {len(measured.endings)} slow clients", measured.beside))
    before, most = measured.memory_mb
    memory = f"Resident memory: {before:.0f} MB before the slow clients, peak {most:.0f} MB."
    return f"{print_table(rows)}\n\n{endings_table(measured.endings)}\n\n{memory}"


def _row(name: str, stats: LoadStats) -> list[str]:
    times = [f"{stats.p50_ms:.0f}", f"{stats.p99_ms:.0f}"]
    statuses = ", ".join(f"{status}: {count}" for status, count in stats.statuses.items())
    return [name, f"{stats.per_second:.1f}", *times, statuses]


def endings_table(endings: Sequence[Ending]) -> str:
    rows = [["unfinished", "ended by", "clients", "median, s", "latest, s"]]
    for (unfinished, how), count in Counter((e.unfinished, e.how) for e in endings).items():
        times = [e.after_s for e in endings if (e.unfinished, e.how) == (unfinished, how)]
        cells = [f"{median(times):.1f}", f"{max(times):.1f}"]
        rows.append([unfinished, how, str(count), *cells])
    return print_table(rows)


if __name__ == "__main__":
    main()
