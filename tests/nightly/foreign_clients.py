"""Install third-party programs from their registries, and run scripts that use them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.servers import Command
from tests.conftest import skip_or_fail


def pip_install(folder: Path, *packages: str) -> Path:
    """Install exactly these packages in the folder; what else they need is in this environment."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    _install("pypi", [*command, "--target", folder, *packages], folder)
    return folder


def npm_install(folder: Path, *packages: str) -> Path:
    command: Command = ["npm", "install", "--silent", "--no-fund", "--no-audit", *packages]
    _install("npm", command, folder)
    return folder


def _install(registry: str, command: Command, folder: Path) -> None:
    try:
        ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        skip_or_fail(registry, f"{command[0]} is not installed")
    else:
        if ended.returncode != 0:
            skip_or_fail(registry, f"packages cannot be installed: {ended.stderr[-300:]}")


def run_script(script: str, values: Mapping[str, object], packages: Path, cwd: Path) -> Any:
    """Run a Python script with `values` as variables; return its variable `answer`."""
    setup = "".join(f"{name} = {value!r}\n" for name, value in values.items())
    ending = "import json; json.dump(answer, open('answer.json', 'w'))"
    run_tool([sys.executable, "-c", f"{setup}{script}\n{ending}"], cwd, {"PYTHONPATH": packages})
    return json.loads((cwd / "answer.json").read_text("utf-8"))


def run_tool(command: Command, cwd: Path, env: Mapping[str, str | Path] | None = None) -> str:
    """Return what a program prints, or fail with all that it prints."""
    ended = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **{name: str(value) for name, value in (env or {}).items()}},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout
