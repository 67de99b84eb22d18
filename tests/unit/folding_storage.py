"""A folder that treats names as equal that differ in case or in the encoding of accents."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from facedetect.archive.names import folded
from facedetect.archive.storage import LocalStorage, StorageEntry


@dataclass(frozen=True)
class FoldingStorage(LocalStorage):
    """Behaves like macOS and Windows: a file keeps the name it was first written with."""

    def entries(self, folder: str) -> list[StorageEntry]:
        return super().entries(self._known(folder))

    def write(self, name: str, data: bytes) -> None:
        super().write(self._known(name), data)

    def remove(self, name: str) -> None:
        super().remove(self._known(name))

    def read(self, name: str) -> bytes:
        return super().read(self._known(name))

    def local_draft(self, name: str) -> AbstractContextManager[Path]:
        return super().local_draft(self._known(name))

    def _known(self, name: str) -> str:
        """Return the path with the existing names."""
        path = self.root
        for part in Path(name).parts:
            there = path.iterdir() if path.is_dir() else ()
            path /= next((p.name for p in there if folded(p.name) == folded(part)), part)
        return path.relative_to(self.root).as_posix()
