"""Measure the resident memory of processes and their children."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_EVERY_S = 0.2


def resident_mb(pid: int | str = "self") -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def tree_resident_mb(pids: list[int]) -> float:
    """Return the sum over processes and their descendants; shared pages count in each."""
    total = 0.0
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):  # a process may exit in the meantime
            total += resident_mb(pid) + tree_resident_mb(_children(pid))
    return total


def _children(pid: int) -> list[int]:
    files = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for file in files for child in file.read_text().split()]


@contextmanager
def watched_memory(pids: list[int]) -> Iterator[list[tuple[float, float]]]:
    """Append (seconds, MB) of the processes and their descendants to a list within the block."""
    samples: list[tuple[float, float]] = []
    is_over = threading.Event()
    began = time.monotonic()

    def watch() -> None:
        while True:
            samples.append((time.monotonic() - began, tree_resident_mb(pids)))
            if is_over.wait(_EVERY_S):
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield samples
    finally:
        is_over.set()
        watcher.join()
