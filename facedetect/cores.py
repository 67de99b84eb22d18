"""How many cores there are to use."""

from __future__ import annotations

import os


def available_cores() -> int:
    """The cores this process may use, by its affinity; quotas of time are not looked at."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
