"""Which pictures and videos there are in a folder, and where each one's result goes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal

from facedetect.errors import InvalidSettings
from facedetect.folder.layout import RESERVED
from facedetect.folder.places import STATE, Entry, Place
from facedetect.folder.suffixes import IMAGE_SUFFIXES, VIDEO_SUFFIXES, added_suffix

Kind = Literal["image", "video"]


@dataclass(frozen=True)
class Item:
    """A file to look at: `name` is its path within the folder, with slashes.

    `result` is the path of its picture or video within the results' folder.
    """

    name: str
    kind: Kind
    result: str
    size: int
    version: str

    @property
    def state(self) -> str:
        """Another one is another file to do: its bytes have changed, or its result's name has."""
        return f"{self.size} {self.version} {self.result}"


@dataclass(frozen=True)
class Unreadable:
    """A folder that could not be listed."""

    name: str
    error: OSError


@dataclass(frozen=True)
class LeftAlone:
    """What is neither a picture nor a video by its name, or a folder that is not entered."""

    name: str


Step = Item | Unreadable | LeftAlone


@dataclass(frozen=True)
class Plan:
    """What one run will do, found while it is done: a place may hold ten million files."""

    source: Place
    videos: bool = True

    def check(self) -> None:
        """Raise InvalidSettings if there is nothing to walk."""
        try:
            self.source.entries("")
        except OSError as error:
            raise InvalidSettings(
                f"{self.source} cannot be listed: {error.strerror or error}; give a folder"
            ) from error

    def items(self) -> Iterator[Item]:
        """The items alone."""
        return (step for step in self.steps() if isinstance(step, Item))

    def steps(self) -> Iterator[Step]:
        """Walk the whole place; steps come in the order of their names' bytes."""
        folders = [_Folder("", iter([Entry("", is_folder=True)]))]
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
                yield LeftAlone(name)

    def _is_entered(self, entry: Entry, folders: list[_Folder]) -> bool:
        """Not a link's target unless asked for, and no folder within itself."""
        is_loop = entry.identity is not None and any(f.identity == entry.identity for f in folders)
        return not (entry.is_passed or is_loop or entry.name == STATE)

    def _open(self, name: str, entry: Entry) -> tuple[_Folder, Unreadable | None]:
        try:
            entries = sorted(self.source.entries(name), key=_order)
        except OSError as error:
            return _Folder(name, iter(())), Unreadable(f"{name}/", error)
        suffixes = IMAGE_SUFFIXES | (VIDEO_SUFFIXES if self.videos else frozenset())
        names = [e.name for e in entries if not e.is_folder and _is_looked_at(e.name, suffixes)]
        folders = {e.name for e in entries if e.is_folder}
        return _Folder(name, iter(entries), _results(names, folders), entry.identity), None


@dataclass
class _Folder:
    """A folder on the way: what is still to be looked at."""

    path: str
    entries: Iterator[Entry]
    results: dict[str, str] = field(default_factory=dict)
    identity: tuple[int, int] | None = None

    def path_of(self, entry: Entry) -> str:
        return f"{self.path}/{entry.name}" if self.path else entry.name


def _file_step(name: str, entry: Entry, result: str | None) -> Step:
    if result is None:
        return LeftAlone(name)
    kind: Kind = "video" if _suffix(name) in VIDEO_SUFFIXES else "image"
    path = name.removesuffix(entry.name) + result
    return Item(name, kind, _beside_reserved(path), entry.size, entry.version)


def _is_looked_at(name: str, suffixes: frozenset[str]) -> bool:
    """By its suffix; what macOS keeps beside a file on foreign disks is called as the file is."""
    return _suffix(name) in suffixes and not name.startswith("._")


def _results(names: list[str], folders: set[str]) -> dict[str, str]:
    """What each picture's or video's result is called.

    It keeps its source's name where its format can be written, and gets a suffix added where not:
    so often that nothing else of the folder has the name.
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


def _beside_reserved(path: str) -> str:
    """A folder of the source that is called as one of ours gets another _ in the results."""
    top, slash, rest = path.partition("/")
    if slash and top.rstrip("_") in RESERVED:
        return f"{top}_/{rest}"
    return path


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _order(entry: Entry) -> bytes:
    """Sorting each folder so sorts the whole paths: a folder's name goes on with a slash."""
    return os.fsencode(f"{entry.name}/" if entry.is_folder else entry.name)
