"""Test the service against its OpenAPI document with schemathesis: scripts/fuzz api."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.servers import gateway, wait_for

_SCHEMATHESIS = Path(sys.executable).with_name("st")
_CONFIGURATION = Path(__file__).with_name("schemathesis.toml")


def check_openapi(examples: int, seed: int) -> subprocess.CompletedProcess[str]:
    """Start a service and run all checks on it, with up to `examples` for each operation."""
    options = ["--checks", "all", "--max-examples", str(examples), "--seed", str(seed)]
    options += ["--continue-on-failure", "--generation-database", "none", "--no-color"]
    with gateway() as running:
        wait_for(running.client, "/readyz", running.process)
        return subprocess.run(
            [
                *(_SCHEMATHESIS, "--config-file", _CONFIGURATION, "run"),
                f"{running.client.base_url}/openapi.json",
                *options,
            ],
            capture_output=True,
            text=True,
            check=False,
        )
