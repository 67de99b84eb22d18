"""Run the real command, in a separate process or in this one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from unittest.mock import patch

from benchmarks.servers import FACEDETECT, Gateway, gateway, wait_for
from facedetect.cli import main

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
        timeout=600,
    )


def call(
    *arguments: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> Run:
    """Run `facedetect ARGUMENTS` in-process, which starts faster."""
    out, err, code = StringIO(), StringIO(), 0
    with (
        chdir(cwd or "."),
        patch.dict(os.environ, env or {}),
        patch.object(sys, "argv", ["facedetect", *map(str, arguments)]),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
    return Run(list(map(str, arguments)), code, out.getvalue(), err.getvalue())


@contextmanager
def served(*arguments: str, env: Mapping[str, str] | None = None) -> Iterator[Gateway]:
    """Run `facedetect serve` on a free port until the block ends; wait until it is ready."""
    with gateway(*arguments, env=env) as running:
        wait_for(running.client, "/readyz", running.process)
        yield running
