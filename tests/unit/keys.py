"""What the tests of API keys share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from facedetect.service.keys.key_file import add_key


def new_key(path: Path, name: str, **options: Any) -> str:
    """Add a key to a file; return its text."""
    return add_key(path, name, **{"lifetime": None, "rate_limit": None, **options})[1]


def another_secret(key: str, number: int = 0) -> str:
    """A key with the same id that was never made."""
    return f"{key[:12]}{number:040x}"
