"""Where files are read and written: a folder of this machine, or one at an address."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from facedetect.errors import InvalidSettings
from facedetect.files import write_whole, written_whole

# Where a folder of results has what is ours alone.
STATE = ".facedetect"


@dataclass(frozen=True)
class Entry:
    """What a folder holds: a file with its `size` in bytes, or a folder.

    `version` changes when the file's bytes do; `identity` tells a folder that is reached twice;
    `is_passed` is a folder that is not to be entered.
    """

    name: str
    is_folder: bool
    size: int = 0
    version: str = ""
    identity: tuple[int, int] | None = None
    is_passed: bool = False


class Place(Protocol):
    """A folder, however it is reached. Names are paths within it, with slashes.

    Safe to share between threads and to send to other processes. Raises OSError throughout.
    """

    def entries(self, folder: str) -> list[Entry]:
        """List a folder ("" is the place itself), in no order."""
        ...

    def read(self, name: str) -> bytes:
        """Return a file's bytes."""
        ...

    def write(self, name: str, data: bytes) -> None:
        """Write a file, and the folders that it needs, whole or not at all."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        ...

    def tidy(self) -> None:
        """Remove what killed processes have left half written; nobody else may be writing."""
        ...

    def read_from(self, name: str) -> AbstractContextManager[Path]:
        """Give a file of this machine with the same bytes, for libraries that want a path."""
        ...

    def written_to(self, name: str) -> AbstractContextManager[Path]:
        """Give a path to write to; it becomes the file `name` when all went well."""
        ...


@dataclass(frozen=True)
class LocalPlace:
    """A folder of this machine.

    `left_out` is a folder that is not listed, although it may lie within, and neither are links to
    its files. Links to folders are followed if `follow_links`. Nothing is written through a link
    that leads elsewhere.
    """

    root: Path
    left_out: Path | None = None
    follow_links: bool = False

    def __str__(self) -> str:
        return str(self.root)

    def entries(self, folder: str) -> list[Entry]:
        with os.scandir(self.root / folder) as listing:
            return [self._entry(found) for found in listing if not self._is_left_out(found)]

    def read(self, name: str) -> bytes:
        # Without O_NONBLOCK a pipe would be waited for.
        with os.fdopen(os.open(self.root / name, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            _check_regular(file.fileno())
            return file.read()

    def write(self, name: str, data: bytes) -> None:
        write_whole(self._target(name), data, self._unfinished)

    def remove(self, name: str) -> None:
        with suppress(FileNotFoundError, NotADirectoryError):
            self._target(name).unlink()

    @contextmanager
    def read_from(self, name: str) -> Iterator[Path]:
        path = self.root / name
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            _check_regular(descriptor)
        finally:
            os.close(descriptor)
        yield path

    def written_to(self, name: str) -> AbstractContextManager[Path]:
        return written_whole(self._target(name), self._unfinished)

    def tidy(self) -> None:
        with suppress(FileNotFoundError):
            shutil.rmtree(self._unfinished)

    @property
    def _unfinished(self) -> Path:
        return self.root / STATE / "unfinished"

    def _entry(self, found: os.DirEntry[str]) -> Entry:
        try:
            state = found.stat()
        except OSError:  # a link to nothing: reading it will say so
            return Entry(found.name, is_folder=False)
        if not stat.S_ISDIR(state.st_mode):
            version = str(state.st_mtime_ns)
            return Entry(found.name, is_folder=False, size=state.st_size, version=version)
        is_passed = found.is_symlink() and not (self.follow_links and self._leads_on(found))
        identity = (state.st_dev, state.st_ino)
        return Entry(found.name, is_folder=True, identity=identity, is_passed=is_passed)

    def _leads_on(self, link: os.DirEntry[str]) -> bool:
        """Whether a link to a folder leads to another one than those this place lies in."""
        return not is_within(self.root, Path(link))

    def _is_left_out(self, found: os.DirEntry[str]) -> bool:
        if self.left_out is None or not (found.is_symlink() or found.is_dir()):
            return False
        return is_within(Path(found), self.left_out)

    def _target(self, name: str) -> Path:
        """Where a file is written; a link among the folders could lead to somebody's sources."""
        target = self.root / name
        if not target.parent.resolve().is_relative_to(self.root.resolve()):
            raise InvalidSettings(
                f"{target.parent} leads out of {self.root}; remove the link, or give another folder"
            )
        return target


def is_within(inner: Path, outer: Path) -> bool:
    """Whether a path leads to a folder or into it, by whatever name the folder is reached."""
    # Path.resolve raises where a link leads to itself.
    real = Path(os.path.realpath(inner))
    return any(_is_same(path, outer) for path in (real, *real.parents))


def _is_same(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:  # one of them is not there
        return path == Path(os.path.realpath(other))


def _check_regular(descriptor: int) -> None:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise OSError(errno.EINVAL, "it is no regular file")
