"""Count the available cores."""

from __future__ import annotations

import os


def available_cores() -> int:
    """Return how many cores this process may use by its CPU affinity; ignores CPU quotas."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
