"""How much memory processes have."""

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
    """The sum over these processes and all below them; what several share counts for each."""
    total = 0.0
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):  # it may end meanwhile
            total += resident_mb(pid) + tree_resident_mb(_children(pid))
    return total


def _children(pid: int) -> list[int]:
    files = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for file in files for child in file.read_text().split()]


@contextmanager
def watched_memory(pids: list[int]) -> Iterator[list[tuple[float, float]]]:
    """Fill a list with (seconds, MB) of these processes and all below them until the block ends."""
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
