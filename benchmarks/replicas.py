"""Inject faults into three model servers under load: scripts/bench replicas.

The servers share one DNS name. One is killed and restarted, one is suspended for a while, and one
gets a new model version. Eight clients keep sending requests through the gateway and check every
answer.
"""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
from dnslib import RR
from dnslib.server import BaseResolver, DNSLogger, DNSServer
from rich.console import Console
from rich.table import Table

from benchmarks.arguments import bench_parser
from benchmarks.pictures import pictures
from benchmarks.servers import Server, free_port, gateway, model_server, wait_for
from facedetect.images import encode_image
from facedetect.model.builtin import builtin_model

_HOSTS = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
_NAME = "models.test"
_CLIENTS = 8

Event = tuple[float, str]
"""The time, s, and the event."""


@dataclass(frozen=True)
class ReplicaAnswer:
    """One request: its start and duration, s; `right`, `wrong` or the error; the version."""

    at: float
    took: float
    outcome: str
    version: int | None  # None unless it was `right` or `wrong`


@dataclass
class ReplicaLoad:
    """Clients that send requests continuously until stopped."""

    url: str
    image: bytes
    expected: list[dict[str, Any]]
    answers: list[ReplicaAnswer] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator[None]:
        began = time.monotonic()
        clients = [threading.Thread(target=self._ask, args=[began]) for _ in range(_CLIENTS)]
        for client in clients:
            client.start()
        try:
            yield
        finally:
            self.is_over.set()
            for client in clients:
                client.join()

    def wait_for_version(self, version: int) -> None:
        """Wait up to a minute until a version has answered."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if any(answer.version == version for answer in self.answers):
                return
            time.sleep(0.1)

    def _ask(self, began: float) -> None:
        with httpx2.Client(base_url=self.url, timeout=60) as client:
            while not self.is_over.is_set():
                started = time.monotonic()
                outcome, version = self._ask_once(client)
                took = time.monotonic() - started
                self.answers.append(ReplicaAnswer(started - began, took, outcome, version))

    def _ask_once(self, client: httpx2.Client) -> tuple[str, int | None]:
        try:
            response = client.post("/detect", files={"image": self.image}, params={"min_size": 40})
            answer = response.json()
        except (httpx2.HTTPError, ValueError) as error:
            return type(error).__name__, None
        if not response.is_success:
            return answer["type"].rpartition(":")[2], None
        is_right = answer["faces"] == self.expected
        return "right" if is_right else "wrong", answer["model"]["version"]


class _Resolver(BaseResolver):  # type: ignore[misc]
    """Resolves every name to all servers."""

    def resolve(self, request: Any, _: object) -> Any:
        reply = request.reply()
        for host in _HOSTS if request.q.qtype == 1 else ():
            reply.add_answer(*RR.fromZone(f"{request.q.qname} 5 A {host}"))
        return reply


def main() -> None:
    parser = bench_parser("replicas", __doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="pause between events")
    arguments = parser.parse_args()
    image = encode_image(pictures()["portrait 512x512"], ".jpg")
    answers, events = run(builtin_model(), image, arguments.seconds)
    _print(answers, events)
    if not answers or any(answer.outcome != "right" for answer in answers):
        sys.exit(1)


def run(model: Path, image: bytes, pause_s: float) -> tuple[list[ReplicaAnswer], list[Event]]:
    """Return the answers and the events; `model` has a folder per version."""
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        port = free_port()
        start = _starter(stack, model, scratch, port)
        servers = [start(host) for host in _HOSTS]
        service = stack.enter_context(_gateway(stack, port))
        expected = _faces(service, image)
        load = ReplicaLoad(str(service.base_url), image, expected)
        began = time.monotonic()
        events: list[Event] = []

        def event(what: str, do: Callable[[], object]) -> None:
            time.sleep(pause_s)
            events.append((time.monotonic() - began, what))
            do()

        with load.running():
            event("the first is killed", servers[0].kill)
            event("the second is suspended", lambda: _signal(servers[1], signal.SIGSTOP))
            event("the first is restarted", lambda: start(_HOSTS[0]))
            event("the second resumes", lambda: _signal(servers[1], signal.SIGCONT))
            event("the third gets version 2", lambda: _add_version(scratch / _HOSTS[2]))
            load.wait_for_version(2)
            time.sleep(pause_s)
    return load.answers, events


def _starter(stack: ExitStack, model: Path, scratch: Path, port: int) -> Callable[[str], Server]:
    def start(host: str) -> Server:
        folder = scratch / host
        if not folder.exists():
            shutil.copytree(model, folder)
        return stack.enter_context(model_server(folder, "--host", host, port=port))

    return start


@contextmanager
def _gateway(stack: ExitStack, port: int) -> Iterator[httpx2.Client]:
    quiet = DNSLogger("-request,-reply")
    names = DNSServer(_Resolver(), address="127.0.0.1", port=0, logger=quiet)
    names.start_thread()
    stack.callback(names.server.server_close)
    stack.callback(names.stop)
    dns = names.server.server_address[1]
    url = f"grpc://{_NAME}:{port}/mtcnn?dns=127.0.0.1:{dns}"
    with gateway("--backend", url, env={"FACEDETECT_THREADS": "16"}) as running:
        wait_for(running.client, "/readyz", running.process)
        yield running.client


def _faces(client: httpx2.Client, image: bytes) -> list[dict[str, Any]]:
    answer = client.post("/detect", files={"image": image}, params={"min_size": 40})
    faces: list[dict[str, Any]] = answer.raise_for_status().json()["faces"]
    return faces


def _signal(server: Server, number: int) -> None:
    server.process.send_signal(number)


def _add_version(folder: Path) -> None:
    """Copy, then rename, so that the server never sees half a version."""
    shutil.copytree(folder / "1", folder / "unfinished")
    (folder / "unfinished").rename(folder / "2")


def _print(answers: list[ReplicaAnswer], events: list[Event]) -> None:
    table = Table("from, s", "event", "answers", "median ms", "max ms", "failed")
    starts = [(0.0, "all servers up"), *events]
    ends = [at for at, _ in events] + [float("inf")]
    for (start, what), end in zip(starts, ends, strict=True):
        phase = [answer for answer in answers if start <= answer.at < end]
        times = [answer.took * 1000 for answer in phase]
        others = Counter(answer.outcome for answer in phase if answer.outcome != "right")
        table.add_row(
            f"{start:.1f}",
            what,
            str(len(phase)),
            f"{np.median(times):.0f}" if times else "",
            f"{max(times, default=0):.0f}",
            ", ".join(f"{outcome}: {count}" for outcome, count in others.items()) or "0",
        )
    Console().print(table)
    outcomes = Counter(answer.outcome for answer in answers)
    versions = Counter(answer.version for answer in answers if answer.version)
    print(f"{len(answers)} answers: {dict(outcomes)}; versions {dict(versions)}")


if __name__ == "__main__":
    main()
