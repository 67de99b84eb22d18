"""Files that are there whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4


@contextmanager
def written_whole(path: Path, folder: Path | None = None) -> Iterator[Path]:
    """Give a new name beside `path` to write to; it replaces `path` when all went well.

    Left by an exception, Ctrl-C included, the block leaves nothing behind. What is left by a
    process that is killed lies in `folder`, if one of the same file system is given.
    """
    for parent in {path.parent, folder or path.parent}:
        parent.mkdir(parents=True, exist_ok=True)
    unfinished = (folder or path.parent) / f".{uuid4().hex}.part"
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def write_whole(path: Path, data: bytes, folder: Path | None = None) -> None:
    """Write `data` to `path`, replacing what is there at once; see `written_whole`."""
    with written_whole(path, folder) as unfinished:
        unfinished.write_bytes(data)
