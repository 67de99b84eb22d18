"""Write the result files of one source file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from facedetect.archive.processing import is_fatal
from facedetect.archive.storage import Storage


class OutputWriter:
    """Writes files and records their `sizes`, bytes, so that later runs can check them.

    Raises OSError.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.sizes: dict[str, int] = {}
        self._not_written: list[str] = []

    def write(self, name: str, data: bytes) -> str:
        """Write a file atomically and return its name."""
        self._storage.write(name, data)
        self.sizes[name] = len(data)
        return name

    def write_extra(self, kind: str, name: str, data: bytes) -> str | None:
        """Write an optional file; returns its name, or None if it could not be written."""
        try:
            return self.write(name, data)
        except OSError as error:
            if is_fatal(error):
                raise
            self._not_written.append(f"{kind}: {error.strerror or error}")
            return None

    def failed_extras(self) -> dict[str, list[str]]:
        """Return the row's entry for optional files that could not be written; empty if none."""
        return {"not_written": self._not_written} if self._not_written else {}

    @contextmanager
    def local_draft(self, name: str) -> Iterator[Path]:
        """Yield a path to write to; it becomes the file `name` if the block succeeds."""
        with self._storage.local_draft(name) as path:
            yield path
            size = path.stat().st_size
        self.sizes[name] = size

    def discard(self) -> None:
        """Remove what was written: the file failed or was interrupted."""
        for name in self.sizes:
            self._storage.remove(name)
        self.sizes.clear()
