"""Shared parts of the API key tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from facedetect.service.keys.key_file import add_key

# The line of a key that was hashed with argon2.
ARGON2_LINE = (
    '{"id":"bf1f5a9b","name":"old camera","created":"2026-11-30T13:42:34Z",'
    '"rate_limit":"600/minute","hash":"$argon2id$v=19$m=19456,t=2,p=1$QYElkujIMSWtw60u+/DzGg'
    '$U3QxB49Sb9AlVVLwMZBKWGsBfEYNYRQXSm/mZ8ArV74"}\n'
)


def new_key(path: Path, name: str, **options: Any) -> str:
    """Add a key to a file; return its text."""
    return add_key(path, name, **{"lifetime": None, "rate_limit": None, **options})[1]


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def another_secret(key: str, number: int = 0) -> str:
    """Return an invalid key with the same id."""
    return f"{key[:12]}{number:040x}"
