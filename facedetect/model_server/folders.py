"""What lies in a model's folder: the numbered folders of its versions, and their files."""

from __future__ import annotations

from pathlib import Path

# Path, size and time of change of each file: what differs once something was copied or mended.
Files = frozenset[tuple[str, int, int]]


def version_folders(folder: Path) -> dict[int, Path]:
    """The folders of `folder` that are called by a number, whole or not.

    Raises OSError if it cannot be read.
    """
    entries = (entry for entry in folder.iterdir() if _is_number(entry.name))
    return {int(entry.name): entry for entry in entries if entry.is_dir()}


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdecimal()


def files_below(folder: Path) -> Files:
    """The files of a version; one that vanishes meanwhile is left out."""
    found = set()
    for path in folder.rglob("*"):
        try:
            stat = path.stat()
        except OSError:
            continue
        found.add((str(path.relative_to(folder)), stat.st_size, stat.st_mtime_ns))
    return frozenset(found)
