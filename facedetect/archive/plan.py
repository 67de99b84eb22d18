"""Which pictures and videos a folder holds, and where each one's result goes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal

from facedetect.archive.media_suffixes import IMAGE_SUFFIXES, VIDEO_SUFFIXES, added_suffix
from facedetect.archive.output_layout import RESERVED
from facedetect.archive.storage import STATE, Storage, StorageEntry
from facedetect.errors import InvalidSettings

MediaKind = Literal["image", "video"]


@dataclass(frozen=True)
class SourceFile:
    """A picture or video: `name` is its path within the source folder, with slashes.

    `result` is the path of its result within the output folder.
    """

    name: str
    kind: MediaKind
    result: str
    size: int
    version: str

    @property
    def state(self) -> str:
        """A changed state means: process again. The bytes have changed, or the result's name."""
        return f"{self.size} {self.version} {self.result}"


@dataclass(frozen=True)
class UnreadableFolder:
    """A folder that could not be listed."""

    name: str
    error: OSError


@dataclass(frozen=True)
class Skipped:
    """A file that is neither a picture nor a video by its name, or a folder that is not entered."""

    name: str


WalkStep = SourceFile | UnreadableFolder | Skipped


@dataclass(frozen=True)
class Plan:
    """The files of one run, found while it runs: a storage may hold ten million files."""

    source: Storage
    videos: bool = True

    def check(self) -> None:
        """Raise InvalidSettings if the source cannot be listed."""
        try:
            self.source.entries("")
        except OSError as error:
            raise InvalidSettings(
                f"{self.source} cannot be listed: {error.strerror or error}; give a folder"
            ) from error

    def source_files(self) -> Iterator[SourceFile]:
        """Walk the whole storage and give the pictures and videos alone."""
        return (step for step in self.walk() if isinstance(step, SourceFile))

    def walk(self) -> Iterator[WalkStep]:
        """Walk the whole storage, in the order of the names' bytes."""
        folders = [_OpenFolder("", iter([StorageEntry("", is_folder=True)]))]
        while folders:
            entry = next(folders[-1].entries, None)
            if entry is None:
                folders.pop()
                continue
            name = folders[-1].path_of(entry)
            if not entry.is_folder:
                yield _file_step(name, entry, folders[-1].results.get(entry.name))
            elif self._is_entered(entry, folders):
                folder, problem = self._open(name, entry)
                folders.append(folder)
                if problem is not None:
                    yield problem
            else:
                yield Skipped(name)

    def _is_entered(self, entry: StorageEntry, folders: list[_OpenFolder]) -> bool:
        """No linked folder unless links are followed, and no folder within itself."""
        is_loop = entry.identity is not None and any(f.identity == entry.identity for f in folders)
        return not (entry.is_skipped or is_loop or entry.name == STATE)

    def _open(self, name: str, entry: StorageEntry) -> tuple[_OpenFolder, UnreadableFolder | None]:
        try:
            entries = sorted(self.source.entries(name), key=_sort_key)
        except OSError as error:
            return _OpenFolder(name, iter(())), UnreadableFolder(f"{name}/", error)
        suffixes = IMAGE_SUFFIXES | (VIDEO_SUFFIXES if self.videos else frozenset())
        names = [e.name for e in entries if not e.is_folder and _is_media(e.name, suffixes)]
        folders = {e.name for e in entries if e.is_folder}
        return _OpenFolder(name, iter(entries), _result_names(names, folders), entry.identity), None


@dataclass
class _OpenFolder:
    """A folder that is being walked: its remaining entries, and its files' results by name."""

    path: str
    entries: Iterator[StorageEntry]
    results: dict[str, str] = field(default_factory=dict)
    identity: tuple[int, int] | None = None

    def path_of(self, entry: StorageEntry) -> str:
        return f"{self.path}/{entry.name}" if self.path else entry.name


def _file_step(name: str, entry: StorageEntry, result: str | None) -> WalkStep:
    if result is None:
        return Skipped(name)
    kind: MediaKind = "video" if _suffix(name) in VIDEO_SUFFIXES else "image"
    path = name.removesuffix(entry.name) + result
    return SourceFile(name, kind, _avoid_reserved(path), entry.size, entry.version)


def _is_media(name: str, suffixes: frozenset[str]) -> bool:
    """By the suffix; on foreign disks macOS stores ._NAME beside each file NAME."""
    return _suffix(name) in suffixes and not name.startswith("._")


def _result_names(names: list[str], folders: set[str]) -> dict[str, str]:
    """The name of each picture's or video's result.

    It is the source's name if its format can be written. Otherwise a suffix is added, as often as
    it takes to be unique in the folder.
    """
    results = {name: name for name in names if not added_suffix(_suffix(name))}
    taken = folders | set(results)
    for name in names:
        if name in results:
            continue
        result = name
        while result == name or result in taken:
            result += added_suffix(_suffix(name))
        taken.add(result)
        results[name] = result
    return results


def _avoid_reserved(path: str) -> str:
    """A source folder with the name of one of ours gets another _ in the output."""
    top, slash, rest = path.partition("/")
    if slash and top.rstrip("_") in RESERVED:
        return f"{top}_/{rest}"
    return path


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _sort_key(entry: StorageEntry) -> bytes:
    """Sort whole paths by sorting each folder: a folder's name is followed by a slash."""
    return os.fsencode(f"{entry.name}/" if entry.is_folder else entry.name)
