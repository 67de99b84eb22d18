"""Find the pictures and videos in a folder, and decide where each result goes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

from facedetect.archive.media_suffixes import (
    IMAGE_SUFFIXES,
    TEXT_SUFFIXES,
    VIDEO_SUFFIXES,
    is_text,
    is_video,
    suffix_of,
)
from facedetect.archive.result_names import avoid_reserved, result_names
from facedetect.archive.selection import Selection, is_system
from facedetect.archive.storage import RUN_FOLDER, Storage, StorageEntry
from facedetect.errors import InvalidSettings

# Bytes; nobody writes larger text files.
_LARGEST_TEXT = 2**20


@dataclass(frozen=True)
class SourceFile:
    """A picture or video: `name` is its path within the source folder, with slashes.

    `result` is the path of its result within the output folder.
    """

    name: str
    result: str
    size: int
    version: str

    @property
    def is_video(self) -> bool:
        return is_video(self.name)

    @property
    def change_key(self) -> str:
        """Changes with the file's bytes or its result's name; it must then be processed again."""
        return f"{self.size} {self.version} {self.result}"


@dataclass(frozen=True)
class UnreadableFolder:
    """A folder that could not be listed."""

    name: str
    error: OSError


SkipReason = Literal["other", "excluded", "system"]


@dataclass(frozen=True)
class Skipped:
    """A file that is neither a picture nor a video, or a folder that is not entered.

    `reason` tells excluded paths and system paths apart.
    """

    name: str
    reason: SkipReason = "other"


WalkStep = SourceFile | UnreadableFolder | Skipped


@dataclass(frozen=True)
class Plan:
    """The files of one run, listed lazily: a storage may hold ten million files.

    With `is_folding`, names that differ only in case get distinct results.
    """

    source: Storage
    videos: bool = True
    selection: Selection = field(default_factory=Selection)
    is_folding: bool = False

    def check(self) -> None:
        """Raise InvalidSettings if the source cannot be listed."""
        try:
            self.source.entries("")
        except OSError as error:
            raise InvalidSettings(
                f"{self.source} cannot be listed: {error.strerror or error}; give a folder"
            ) from error

    def source_files(self) -> Iterator[SourceFile]:
        """Walk the whole storage and yield only pictures and videos."""
        return (step for step in self.walk() if isinstance(step, SourceFile))

    def walk(self) -> Iterator[WalkStep]:
        """Walk the whole storage, ordered by the bytes of the names."""
        # No recursion: folders may be nested deeper than Python's call stack.
        root = _Folder("", "", None, is_included=not self.selection.include)
        open_folders = [(root, self._list(root))]
        while open_folders:
            step = next(open_folders[-1][1], None)
            if step is None:
                open_folders.pop()
            elif not isinstance(step, _Folder):
                yield step
            elif step.inode and any(step.inode == f.inode for f, _ in open_folders):
                yield Skipped(step.path)  # a link to a folder that contains it
            else:
                open_folders.append((step, self._list(step)))

    def _list(self, folder: _Folder) -> Iterator[WalkStep | _Folder]:
        try:
            entries = sorted(self.source.entries(folder.path), key=_sort_key)
        except OSError as error:
            yield UnreadableFolder(f"{folder.path}/", error)
            return
        files = [entry.name for entry in entries if not entry.is_folder and self._is_media(entry)]
        folders = [entry.name for entry in entries if entry.is_folder]
        names = result_names(files, folders, is_folding=self.is_folding)
        for entry in entries:
            step = self._step(entry, folder, names.get((entry.name, entry.is_folder), ""))
            yield self._skipped_text(step) if isinstance(step, SourceFile) else step

    def _step(self, entry: StorageEntry, folder: _Folder, result: str) -> WalkStep | _Folder:
        """Decide what to do with a folder's entry; `result` is its result's name, or ""."""
        path = _join(folder.path, entry.name)
        is_named = self.selection.includes(path, is_folder=entry.is_folder)
        is_included = folder.is_included or is_named
        if not result or entry.is_skipped or (entry.is_folder and entry.name == RUN_FOLDER):
            return Skipped(path)
        if is_system(entry.name) and not is_named:
            return Skipped(path, "system")
        if self.selection.excludes(path, is_folder=entry.is_folder):
            return Skipped(path, "excluded")
        if entry.is_folder:
            result = result if folder.path else avoid_reserved(result, is_folding=self.is_folding)
            return _Folder(path, _join(folder.result, result), entry.inode, is_included)
        if not is_included:
            return Skipped(path, "excluded")
        return SourceFile(path, _join(folder.result, result), entry.size, entry.version)

    def _is_media(self, entry: StorageEntry) -> bool:
        """Decide by the suffix; macOS stores ._NAME next to each file NAME on foreign disks."""
        suffixes = IMAGE_SUFFIXES | VIDEO_SUFFIXES if self.videos else IMAGE_SUFFIXES
        return suffix_of(entry.name) in suffixes and not entry.name.startswith("._")

    def _skipped_text(self, file: SourceFile) -> WalkStep:
        """Skip text files with the suffix of a video, such as TypeScript."""
        if suffix_of(file.name) not in TEXT_SUFFIXES or file.size > _LARGEST_TEXT:
            return file
        with suppress(OSError):  # processing will report it
            if is_text(self.source.read(file.name)):
                return Skipped(file.name)
        return file


@dataclass(frozen=True)
class _Folder:
    """A folder to enter; `is_included` if everything in it is wanted."""

    path: str
    result: str
    inode: tuple[int, int] | None
    is_included: bool


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _sort_key(entry: StorageEntry) -> bytes:
    """Sort key for one folder's entries that sorts whole paths: folders end in a slash."""
    return os.fsencode(f"{entry.name}/" if entry.is_folder else entry.name)
