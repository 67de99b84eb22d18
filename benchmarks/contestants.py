"""The compared face detection services, ours and others; calling one starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx2

from benchmarks.environments import environment
from benchmarks.servers import Command, free_port, gateway, model_server, wait_for

_FOLDER = Path(__file__).with_name("rival_services")


@dataclass(frozen=True)
class Contestant:
    """A ready service: a client, its port, and its top-level processes."""

    client: httpx2.Client
    port: int
    pids: list[int]


Start = Callable[[], AbstractContextManager[Contestant]]

EMBEDDED = "facedetect, embedded"


@contextmanager
def _embedded() -> Iterator[Contestant]:
    with gateway() as running:
        wait_for(running.client, "/readyz", running.process)
        yield Contestant(running.client, _port(running.client), [running.process.pid])


@contextmanager
def _gateway() -> Iterator[Contestant]:
    with model_server() as server, gateway("--backend", server.grpc_url) as running:
        wait_for(running.client, "/readyz", running.process)
        pids = [running.process.pid, server.process.pid]
        yield Contestant(running.client, _port(running.client), pids)


def _port(client: httpx2.Client) -> int:
    assert client.base_url.port is not None
    return client.base_url.port


@contextmanager
def _rival(name: str, script: str, *options: str) -> Iterator[Contestant]:
    port = free_port()
    command: Command = [environment(name), _FOLDER / script, str(port), *options]
    with (
        tempfile.TemporaryFile("w+") as log,
        _own_group(command, log.fileno()) as process,
        httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client,
    ):
        try:
            wait_for(client, "/health", process)
        except (RuntimeError, TimeoutError) as error:
            log.seek(0)
            raise RuntimeError(f"{name}: {error}; its log: {log.read()}") from error
        yield Contestant(client, port, [process.pid])


@contextmanager
def _own_group(command: Command, log: int) -> Iterator[subprocess.Popen[str]]:
    """Run a command; also stop its children at the end, which LitServe leaves running."""
    process = subprocess.Popen(command, text=True, start_new_session=True, stdout=log, stderr=log)
    try:
        yield process
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)


OURS: dict[str, Start] = {
    EMBEDDED: _embedded,
    "facedetect, gateway and model server": _gateway,
}
RIVALS: dict[str, Start] = {
    "LitServe, 1 worker": partial(_rival, "litserve", "litserve_facenet.py", "1"),
    "LitServe, 2 workers": partial(_rival, "litserve", "litserve_facenet.py", "2"),
    "FastAPI and mtcnn": partial(_rival, "fastapi-mtcnn", "fastapi_mtcnn.py"),
}
