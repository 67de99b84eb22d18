"""Starting the real command."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx2

FACEDETECT = Path(sys.executable).with_name("facedetect")
Run = subprocess.CompletedProcess[str]
Command = list[str | Path]


def run(
    *arguments: str | Path,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    command: Path = FACEDETECT,
) -> Run:
    """Run `facedetect ARGUMENTS` to its end."""
    return subprocess.run(
        [command, *arguments],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served(*arguments: str, env: Mapping[str, str] | None = None) -> Iterator[httpx2.Client]:
    """Run `facedetect serve` on a free port until the block ends; wait until it is ready."""
    port = free_port()
    command: Command = [FACEDETECT, "serve", "--port", str(port), *arguments]
    process = subprocess.Popen(command, env={**os.environ, **(env or {})})
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        try:
            wait_until_ready(client, process)
            yield client
        finally:
            process.terminate()
            process.wait(30)


def wait_until_ready(client: httpx2.Client, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the service ended with {process.returncode}"
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.05)
    raise TimeoutError("the service did not become ready")
