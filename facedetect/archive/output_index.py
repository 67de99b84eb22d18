"""An index of existing result files: listing folders is faster than one query per file."""

from __future__ import annotations

from functools import lru_cache

from facedetect.archive.output_layout import folders_of, outputs_pattern
from facedetect.archive.storage import Storage

# A picture, its crops and its thumbnail are in three folders, mostly the same for the next picture.
_MAX_CACHED_FOLDERS = 4


class OutputIndex:
    """The sizes of a storage's files, as of when their folder was first needed."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._sizes = lru_cache(_MAX_CACHED_FOLDERS)(self._list)

    def has(self, outputs: dict[str, int]) -> bool:
        """Return whether all these files exist with these sizes, bytes. Raises OSError."""
        return all(
            self._sizes(path.rpartition("/")[0]).get(path) == size for path, size in outputs.items()
        )

    def files_of(self, result: str) -> list[str]:
        """Return every file that may belong to the result at this path."""
        pattern = outputs_pattern(result)
        paths = (path for folder in sorted(folders_of(result)) for path in self._sizes(folder))
        return [path for path in paths if pattern.fullmatch(path)]

    def _list(self, folder: str) -> dict[str, int]:
        """Return the paths and sizes of a folder's files."""
        try:
            entries = self._storage.entries(folder)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        inside = f"{folder}/" if folder else ""
        return {inside + entry.name: entry.size for entry in entries if not entry.is_folder}
