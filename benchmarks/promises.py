"""What the service's OpenAPI document promises, tried out by schemathesis: scripts/fuzz api."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.servers import gateway, wait_for

_SCHEMATHESIS = Path(sys.executable).with_name("st")
_CONFIGURATION = Path(__file__).with_name("schemathesis.toml")


def check_promises(examples: int, seed: int) -> subprocess.CompletedProcess[str]:
    """Run every check over a service of its own, with up to so many examples for each call."""
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
