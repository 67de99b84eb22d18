"""Hundreds of clients that send a byte a second, and one that does not: scripts/bench slow.

Half of them never finish the request's head, half its body. The normal client must be served as
if they were not there, and they must be ended.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.answers import Figures, figures
from benchmarks.clients import client_process, closed_loop, post_of
from benchmarks.memory import watched_memory
from benchmarks.pages import told_table, write_section
from benchmarks.servers import Gateway, gateway, wait_for
from benchmarks.service import photographs

HEAD, BODY = "head", "body"
_BEGINNINGS = {
    HEAD: b"POST /detect HTTP/1.1\r\nHost: slow\r\nX-Slow: ",
    BODY: b"POST /detect HTTP/1.1\r\nHost: slow\r\nContent-Type: image/jpeg\r\n"
    b"Content-Length: 100000\r\n\r\n",
}
_BYTE_EVERY_S = 1.0

CLOSED, STILL_OPEN = "closed", "still open"


@dataclass(frozen=True)
class Ending:
    """How a slow sender ended: what it never finished; after how long, s; a status or a word."""

    unfinished: str
    after_s: float
    how: str


@dataclass(frozen=True)
class Measured:
    """The normal client without and with slow ones; their endings; the service's memory, MB."""

    alone: Figures
    beside: Figures
    endings: list[Ending]
    memory_mb: tuple[float, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--senders", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=18.0, help="without and with them")
    parser.add_argument("--timeout", type=float, default=20.0, help="FACEDETECT_UPLOAD_TIMEOUT_S")
    parser.add_argument("--page", type=Path, default=Path("docs/benchmark-service.md"))
    arguments = parser.parse_args()
    if arguments.seconds >= arguments.timeout:
        parser.error("--seconds must be less than --timeout, which ends the slow ones")
    env = {"FACEDETECT_UPLOAD_TIMEOUT_S": str(arguments.timeout)}
    with gateway(env=env) as service:
        wait_for(service.client, "/readyz", service.process)
        image = photographs()["640x443"]
        sending_s = 2 * arguments.timeout
        measured = measure(service, image, arguments.senders, arguments.seconds, sending_s)
    write_section(arguments.page, "slow", _report(measured))


def measure(
    service: Gateway, image: bytes, senders: int, seconds: float, sending_s: float
) -> Measured:
    """Serve a normal client for `seconds` alone, and as long while slow ones are there.

    These send for `sending_s` if the service does not end them, which it must not do before.
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
        found = endings.result()
    most_mb = max(megabytes for _, megabytes in memory)
    return Measured(figures(alone.answers), figures(beside.answers), found, (before_mb, most_mb))


def send_slowly(port: int, count: int, seconds: float) -> list[Ending]:
    """Send from that many connections at once, for that long at most."""

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
    rows = [["one normal client", "requests/s", "p50 ms", "p99 ms", "statuses"]]
    rows.append(_row("alone", measured.alone))
    rows.append(_row(f"beside {len(measured.endings)} slow ones", measured.beside))
    before, most = measured.memory_mb
    memory = f"The service had {before:.0f} MB before the slow ones came, {most:.0f} MB at most."
    return f"{told_table(rows)}\n\n{told_endings(measured.endings)}\n\n{memory}"


def _row(name: str, found: Figures) -> list[str]:
    times = [f"{found.p50_ms:.0f}", f"{found.p99_ms:.0f}"]
    statuses = ", ".join(f"{status}: {count}" for status, count in found.statuses.items())
    return [name, f"{found.per_second:.1f}", *times, statuses]


def told_endings(endings: Sequence[Ending]) -> str:
    rows = [["never finished", "ended by", "senders", "after, s", "latest, s"]]
    for (unfinished, how), count in Counter((e.unfinished, e.how) for e in endings).items():
        times = [e.after_s for e in endings if (e.unfinished, e.how) == (unfinished, how)]
        cells = [f"{median(times):.1f}", f"{max(times):.1f}"]
        rows.append([f"the {unfinished}", how, str(count), *cells])
    return told_table(rows)


if __name__ == "__main__":
    main()
