"""HTTP clients that put services under load, in a separate process.

They share the machine with the service, so they do as little as possible: requests are encoded in
advance and sent over keep-alive connections; only a response's status and its Content-Length,
Connection and Retry-After headers are parsed.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import re
import time
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import cycle
from typing import Any, Self

import httpx2
import numpy as np

from benchmarks.load_stats import NO_ANSWER, Answer

_HOST = "127.0.0.1"
_TIMEOUT_S = 90.0
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
_RETRY_AFTER = re.compile(rb"\r\nretry-after: *(\d+)", re.IGNORECASE)

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True)
class Load:
    """The answers to a load, and the share of a core that the clients used."""

    answers: list[Answer]
    client_cpu: float


def form_of(image: bytes) -> httpx2.Request:
    """Return a request that posts an image to /detect."""
    return httpx2.Request("POST", f"http://{_HOST}/detect", files={"image": image})


def post_of(image: bytes) -> bytes:
    """Return the same request as bytes on the wire."""
    request = form_of(image)
    fields = [name + b": " + value for name, value in request.headers.raw]
    return b"\r\n".join([b"POST /detect HTTP/1.1", *fields, b"", request.read()])


@contextmanager
def client_process() -> Iterator[ProcessPoolExecutor]:
    """Yield a warmed-up process that runs `closed_loop` or `open_loop`."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        pool.submit(time.monotonic).result()
        yield pool


def closed_loop(port: int, requests: Sequence[bytes], concurrency: int, seconds: float) -> Load:
    """Run clients that send the next request after each answer, or after its Retry-After."""
    return _measured(_closed_loop(port, requests, concurrency, seconds))


def open_loop(
    port: int, requests: Sequence[bytes], rate: float, seconds: float, seed: int = 0
) -> Load:
    """Send `rate` requests per second at random times (Poisson), without waiting for answers."""
    generator = np.random.default_rng(seed)
    # Given their number, the arrival times of a Poisson process are uniform.
    due = np.sort(generator.uniform(0, seconds, round(rate * seconds))).tolist()
    return _measured(_open_loop(port, requests, due))


def _measured(load: Coroutine[Any, Any, list[Answer]]) -> Load:
    began, cpu_began = time.monotonic(), time.process_time()
    answers = asyncio.run(load)
    return Load(answers, (time.process_time() - cpu_began) / (time.monotonic() - began))


async def _closed_loop(
    port: int, requests: Sequence[bytes], concurrency: int, seconds: float
) -> list[Answer]:
    answers: list[Answer] = []
    upcoming = cycle(requests)

    async def client(connections: _Connections) -> None:
        while (due := time.monotonic() - began) < seconds:
            answer = await connections.answer_to(next(upcoming), began, due)
            answers.append(answer)
            left_s = began + seconds - time.monotonic()
            await asyncio.sleep(max(0.0, min(answer.retry_after_s, left_s)))

    async with _Connections(port) as connections:
        began = time.monotonic()
        await asyncio.gather(*(client(connections) for _ in range(concurrency)))
    return answers


async def _open_loop(port: int, requests: Sequence[bytes], due: list[float]) -> list[Answer]:
    tasks = []
    async with _Connections(port) as connections:
        began = time.monotonic()
        for at, request in zip(due, cycle(requests), strict=False):
            await asyncio.sleep(max(0.0, began + at - time.monotonic()))
            tasks.append(asyncio.create_task(connections.answer_to(request, began, at)))
        return await asyncio.gather(*tasks)


class _Connections:
    """A pool of connections to one server: opened on demand, reused while the server allows."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[Connection] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        for _, idle in self._idle:
            idle.close()
        for _, idle in self._idle:
            with suppress(OSError):
                await idle.wait_closed()

    async def answer_to(self, request: bytes, began: float, due_s: float) -> Answer:
        late_ms = (time.monotonic() - began - due_s) * 1000
        status, retry_after_s = await self._ask(request)
        took_ms = (time.monotonic() - began - due_s) * 1000
        return Answer(due_s, late_ms, took_ms, status, retry_after_s)

    async def _ask(self, request: bytes) -> tuple[int, float]:
        writer = None
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                reader, writer = connection = await self._take()
                writer.write(request)
                head = await reader.readuntil(b"\r\n\r\n")
                while head.startswith(b"HTTP/1.1 100"):
                    head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(_length(head))
        except (OSError, EOFError):  # TimeoutError is an OSError
            if writer:
                writer.transport.abort()
            return NO_ANSWER, 0.0
        if _CLOSES.search(head):
            writer.close()
        else:
            self._idle.append(connection)
        retry_after = _RETRY_AFTER.search(head)
        return int(head.split(b" ", 2)[1]), float(retry_after[1]) if retry_after else 0.0

    async def _take(self) -> Connection:
        while self._idle:
            reader, writer = self._idle.pop()
            if not (reader.at_eof() or writer.is_closing()):
                return reader, writer
            writer.close()
        return await asyncio.open_connection(_HOST, self._port)


def _length(head: bytes) -> int:
    found = _LENGTH.search(head)
    if found is None:
        raise OSError(f"the response has no Content-Length: {head!r}")
    return int(found[1])
