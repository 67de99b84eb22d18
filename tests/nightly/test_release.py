"""The same commit gives the same packages, wherever it is built."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.servers import Command

ROOT = Path(__file__).parents[2]


def digests(checkout: Path) -> dict[str, str]:
    subprocess.run(["git", "clone", "--quiet", ROOT, checkout], check=True)
    time = subprocess.check_output(["git", "log", "-1", "--format=%ct"], cwd=checkout, text=True)
    build: Command = [sys.executable, "-m", "build", "--outdir", "dist", "."]
    env = os.environ | {"SOURCE_DATE_EPOCH": time.strip()}
    subprocess.run(build, cwd=checkout, env=env, check=True, capture_output=True)
    packages = (checkout / "dist").iterdir()
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in packages}


def test_two_builds_have_the_same_bytes(tmp_path: Path) -> None:
    first = digests(tmp_path / "here")
    assert len(first) == 2
    assert first == digests(tmp_path / "some" / "where" / "else")
