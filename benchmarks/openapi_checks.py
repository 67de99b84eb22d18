"""Test the service against its OpenAPI document with schemathesis: scripts/fuzz api."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_SCHEMATHESIS = Path(sys.executable).with_name("st")
_CONFIGURATION = Path(__file__).with_name("schemathesis.toml")


def check_openapi(url: str, examples: int, seed: int) -> subprocess.CompletedProcess[str]:
    """Run all checks on the service at `url`, with up to `examples` per operation."""
    options = ["--checks", "all", "--max-examples", str(examples), "--seed", str(seed)]
    options += ["--continue-on-failure", "--generation-database", "none", "--no-color"]
    return subprocess.run(
        [
            *(_SCHEMATHESIS, "--config-file", _CONFIGURATION, "run"),
            f"{url}/openapi.json",
            *options,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
