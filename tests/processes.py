"""Starting the real command."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx2

from benchmarks.servers import FACEDETECT, gateway, wait_for

Run = subprocess.CompletedProcess[str]


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


@contextmanager
def served(*arguments: str, env: Mapping[str, str] | None = None) -> Iterator[httpx2.Client]:
    """Run `facedetect serve` on a free port until the block ends; wait until it is ready."""
    with gateway(*arguments, env=env) as running:
        wait_for(running.client, "/readyz", running.process)
        yield running.client
