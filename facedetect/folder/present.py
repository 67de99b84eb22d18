"""Which results are there: whole folders are listed, as a question for each file takes too long."""

from __future__ import annotations

from facedetect.folder.layout import folders_of, may_be_of
from facedetect.folder.places import Place

# A picture, its crops and its thumbnail lie in three folders, and the next one's in the same.
_FOLDERS_KEPT = 4


class Present:
    """The sizes of a place's files, as they were when their folder was first asked for."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._folders: dict[str, dict[str, int]] = {}

    def has(self, outputs: dict[str, int]) -> bool:
        """Whether all these files, paths with sizes in bytes, are there. Raises OSError."""
        return all(self._size(path) == size for path, size in outputs.items())

    def files_of(self, result: str) -> list[str]:
        """All files that may have been written for an item, by its result's path."""
        mine = may_be_of(result)
        paths = (
            f"{folder}/{name}" if folder else name
            for folder in sorted(folders_of(result))
            for name in self._sizes(folder)
        )
        return [path for path in paths if mine.fullmatch(path)]

    def _size(self, path: str) -> int | None:
        folder, _, name = path.rpartition("/")
        return self._sizes(folder).get(name)

    def _sizes(self, folder: str) -> dict[str, int]:
        """The names and sizes of a folder's files."""
        if folder not in self._folders:
            while len(self._folders) >= _FOLDERS_KEPT:
                del self._folders[next(iter(self._folders))]
            self._folders[folder] = self._listed(folder)
        return self._folders[folder]

    def _listed(self, folder: str) -> dict[str, int]:
        try:
            entries = self._place.entries(folder)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        return {entry.name: entry.size for entry in entries if not entry.is_folder}
