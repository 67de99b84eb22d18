"""Storages that files are read from and written to: local folders and object stores."""

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
from facedetect.files import atomic_draft, write_atomically

# The folder within the output for the run's own files, and the one in it for partial files.
RUN_FOLDER = ".facedetect"
DRAFTS = f"{RUN_FOLDER}/unfinished"


@dataclass(frozen=True)
class StorageEntry:
    """A folder's entry: a file with its `size` in bytes, or a folder.

    `version` changes with the file's bytes. `inode`, device and number, tells whether two names are
    the same folder.
    `is_skipped` marks a folder that must not be entered.
    """

    name: str
    is_folder: bool
    size: int = 0
    version: str = ""
    inode: tuple[int, int] | None = None
    is_skipped: bool = False


class Storage(Protocol):
    """A folder, local or remote. Names are paths within it, with slashes.

    Safe to share between threads and to pickle. All methods raise OSError.
    """

    def entries(self, folder: str) -> list[StorageEntry]:
        """List a folder ("" is the storage itself), in no particular order."""
        ...

    def read(self, name: str) -> bytes:
        """Return a file's bytes."""
        ...

    def write(self, name: str, data: bytes) -> None:
        """Write a file atomically; create missing folders."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file if it exists."""
        ...

    def remove_partial_files(self) -> None:
        """Remove partial files of killed processes; nobody else may be writing."""
        ...

    def as_local_file(self, name: str) -> AbstractContextManager[Path]:
        """Yield a local file with the same bytes, for libraries that need a path."""
        ...

    def local_draft(self, name: str) -> AbstractContextManager[Path]:
        """Yield a path to write to; it becomes the file `name` if the block succeeds."""
        ...


@dataclass(frozen=True)
class LocalStorage:
    """A local folder.

    `excluded` is a folder within it that is not listed; neither are links to its files. Links to
    folders are followed if `follow_links`. Nothing is written through a link that leads outside.
    """

    root: Path
    excluded: Path | None = None
    follow_links: bool = False

    def __str__(self) -> str:
        return str(self.root)

    def entries(self, folder: str) -> list[StorageEntry]:
        with os.scandir(self.root / folder) as listing:
            return [self._entry(found) for found in listing if not self._is_excluded(found)]

    def read(self, name: str) -> bytes:
        with self.as_local_file(name) as path:
            return path.read_bytes()

    def write(self, name: str, data: bytes) -> None:
        write_atomically(self._target(name), data, self._drafts)

    def remove(self, name: str) -> None:
        with suppress(FileNotFoundError, NotADirectoryError):
            self._target(name).unlink()

    @contextmanager
    def as_local_file(self, name: str) -> Iterator[Path]:
        path = self.root / name
        if not stat.S_ISREG(path.stat().st_mode):  # opening a named pipe would hang
            raise OSError(errno.EINVAL, "not a regular file")
        yield path

    def local_draft(self, name: str) -> AbstractContextManager[Path]:
        return atomic_draft(self._target(name), self._drafts)

    def remove_partial_files(self) -> None:
        with suppress(FileNotFoundError):
            shutil.rmtree(self._drafts)

    @property
    def _drafts(self) -> Path:
        return self.root / DRAFTS

    def _entry(self, found: os.DirEntry[str]) -> StorageEntry:
        try:
            status = found.stat()
        except OSError:  # a broken link: reading it will report the error
            return StorageEntry(found.name, is_folder=False)
        if not stat.S_ISDIR(status.st_mode):
            version = str(status.st_mtime_ns)
            return StorageEntry(found.name, is_folder=False, size=status.st_size, version=version)
        is_skipped = found.is_symlink() and not (self.follow_links and self._leads_elsewhere(found))
        inode = (status.st_dev, status.st_ino)
        return StorageEntry(found.name, is_folder=True, inode=inode, is_skipped=is_skipped)

    def _leads_elsewhere(self, link: os.DirEntry[str]) -> bool:
        """Return whether a link leads to none of the folders that contain this one."""
        return not is_within(self.root, Path(link))

    def _is_excluded(self, found: os.DirEntry[str]) -> bool:
        if self.excluded is None or not (found.is_symlink() or found.is_dir()):
            return False
        return is_within(Path(found), self.excluded)

    def _target(self, name: str) -> Path:
        """Return where to write a file; rejects linked folders that lead elsewhere."""
        target = self.root / name
        if not target.parent.resolve().is_relative_to(self.root.resolve()):
            raise InvalidSettings(
                f"{target.parent} is a link out of {self.root}; remove it, or use another folder"
            )
        return target


def is_within(inner: Path, outer: Path) -> bool:
    """Return whether a path is a folder or within it, under any of its names."""
    # Path.resolve raises on a link to itself.
    real = Path(os.path.realpath(inner))
    return any(_is_same(path, outer) for path in (real, *real.parents))


def _is_same(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:  # one of them does not exist
        return path == Path(os.path.realpath(other))
