"""Atomic file writes, and locks between processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TypeGuard
from uuid import uuid4

from facedetect.errors import InvalidImage, InvalidSettings


@contextmanager
def atomic_draft(path: Path, folder: Path | None = None) -> Iterator[Path]:
    """Yield a temporary path to write to; the file replaces `path` if the block succeeds.

    If the block raises, even on Ctrl-C, nothing is left behind. A killed process leaves its file in
    `folder`, by default that of `path`, which must be on the same file system.
    """
    for parent in {path.parent, folder or path.parent}:
        parent.mkdir(parents=True, exist_ok=True)
    draft = (folder or path.parent) / f".{uuid4().hex}.part"
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def write_atomically(path: Path, data: bytes, folder: Path | None = None) -> None:
    """Write `data` to `path` atomically; see `atomic_draft`."""
    with atomic_draft(path, folder) as draft:
        draft.write_bytes(data)


def is_open_file(source: object) -> TypeGuard[BinaryIO]:
    """Return whether it is readable: an open file, a stream, an upload."""
    return hasattr(source, "read")


def url_hint(path: Path) -> str:
    """Return what to do with a URL that was given as a path; empty for other paths."""
    is_url = path.parts[:1] in {("http:",), ("https:",)}  # Path joins the two slashes
    return "; URLs are not fetched: download it first" if is_url else ""


def read_open_file(file: BinaryIO, most: int = -1) -> bytes:
    """Read from a file's position to its end, or at most `most` bytes; it stays open.

    Raises InvalidImage if it cannot be read or is in text mode.
    """
    try:
        contents = file.read(most)
    except (OSError, ValueError) as error:  # ValueError: closed, or text that is not UTF-8
        raise InvalidImage(f"the open file cannot be read: {error}") from error
    if not isinstance(contents, bytes):
        raise InvalidImage('the open file is in text mode; open it with mode "rb"')
    return contents


def lock_file(descriptor: int, *, wait: bool) -> None:
    """Take the exclusive lock of an open file or folder; closing it releases the lock.

    Raises BlockingIOError if another process holds it and `wait` is false, InvalidSettings on
    systems without such locks.
    """
    try:
        import fcntl
    except ImportError as error:
        raise InvalidSettings(
            "this needs POSIX file locks, which this system lacks; run it on Linux or macOS, in a "
            "container or in WSL"
        ) from error
    fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
