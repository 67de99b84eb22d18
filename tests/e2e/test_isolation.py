"""Decoders of the real service that hang, crash or are left behind."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from benchmarks.servers import Gateway
from facedetect.cores import available_cores
from tests.conftest import ASTRONAUT
from tests.processes import served

PHOTO = ASTRONAUT.read_bytes()


def children(pid: int) -> list[int]:
    """Return the child processes of all threads of a process."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return found


def decoders(running: Gateway) -> list[int]:
    (fork_server,) = children(running.process.pid)
    return children(fork_server)


def status_of_detect(running: Gateway) -> int:
    return running.client.post("/detect", files={"image": PHOTO}).status_code


def test_decoders_that_hang_crash_or_are_killed_cost_one_answer_each() -> None:
    with served(env={"FACEDETECT_TIMEOUT_S": "5"}) as running:
        assert len(decoders(running)) == min(4, available_cores() + 2)  # of two threads, and two

        for pid in decoders(running):
            os.kill(pid, signal.SIGSTOP)
        hung = running.client.post("/detect", files={"image": PHOTO})
        assert hung.status_code == 413
        assert "before the request's deadline" in hung.json()["detail"]
        assert status_of_detect(running) == 200  # a new one; the others still hang

        for pid in decoders(running):
            os.kill(pid, signal.SIGKILL)
        while status_of_detect(running) != 200:
            pass  # until their deaths are noticed
        assert running.client.get("/readyz").status_code == 200

        pids = [*children(running.process.pid), *decoders(running)]
        running.process.kill()
        while any(Path(f"/proc/{pid}").exists() for pid in pids):
            time.sleep(0.05)
