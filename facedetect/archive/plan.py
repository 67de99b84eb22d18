"""Which pictures and videos a folder holds, and where each one's result goes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
        # No recursion: folders may lie deeper than Python's calls.
        root = _Folder("", None)
        open_folders = [(root, self._list(root))]
        while open_folders:
            step = next(open_folders[-1][1], None)
            if step is None:
                open_folders.pop()
            elif not isinstance(step, _Folder):
                yield step
            elif step.identity and any(step.identity == f.identity for f, _ in open_folders):
                yield Skipped(step.path)  # a link to a folder that contains it
            else:
                open_folders.append((step, self._list(step)))

    def _list(self, folder: _Folder) -> Iterator[WalkStep | _Folder]:
        try:
            entries = sorted(self.source.entries(folder.path), key=_sort_key)
        except OSError as error:
            yield UnreadableFolder(f"{folder.path}/", error)
            return
        inside = f"{folder.path}/" if folder.path else ""
        results = _result_names(entries, videos=self.videos)
        for entry in entries:
            path = inside + entry.name
            if entry.is_folder and not entry.is_skipped and entry.name != STATE:
                yield _Folder(path, entry.identity)
            elif entry.is_folder or entry.name not in results:
                yield Skipped(path)
            else:
                kind: MediaKind = "video" if _suffix(path) in VIDEO_SUFFIXES else "image"
                result = _avoid_reserved(inside + results[entry.name])
                yield SourceFile(path, kind, result, entry.size, entry.version)


@dataclass(frozen=True)
class _Folder:
    """A folder to enter."""

    path: str
    identity: tuple[int, int] | None


def _is_media(name: str, suffixes: frozenset[str]) -> bool:
    """By the suffix; on foreign disks macOS stores ._NAME beside each file NAME."""
    return _suffix(name) in suffixes and not name.startswith("._")


def _result_names(entries: Sequence[StorageEntry], *, videos: bool) -> dict[str, str]:
    """The name of each picture's or video's result.

    It is the source's name if its format can be written. Otherwise a suffix is added, as often as
    it takes to be unique in the folder.
    """
    suffixes = IMAGE_SUFFIXES | VIDEO_SUFFIXES if videos else IMAGE_SUFFIXES
    names = [e.name for e in entries if not e.is_folder and _is_media(e.name, suffixes)]
    results = {name: name for name in names if not added_suffix(_suffix(name))}
    taken = {entry.name for entry in entries if entry.is_folder} | set(results)
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
