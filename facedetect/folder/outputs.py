"""The files that are written for one item."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from facedetect.folder.places import Place


class Outputs:
    """Writes an item's files and remembers their sizes in bytes, by which a later run knows them.

    Raises OSError.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self.sizes: dict[str, int] = {}

    def write(self, name: str, data: bytes) -> str:
        """Write a file, whole or not at all; returns its name."""
        self._place.write(name, data)
        self.sizes[name] = len(data)
        return name

    @contextmanager
    def written_to(self, name: str) -> Iterator[Path]:
        """Give a path to write to; it becomes the file `name` when all went well."""
        with self._place.written_to(name) as path:
            yield path
            size = path.stat().st_size
        self.sizes[name] = size

    def discard(self) -> None:
        """Remove what was written: the item has failed, or is left half done."""
        for name in self.sizes:
            self._place.remove(name)
        self.sizes.clear()
