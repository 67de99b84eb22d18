"""A command's images: files, folders, or `-` for standard input."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from facedetect.archive.plan import Plan, Skipped
from facedetect.archive.storage import LocalStorage
from facedetect.errors import InvalidSettings

STANDARD_INPUT = Path("-")


def expand_folders(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield each file; replace a folder by all images below it, sorted by name.

    A subfolder that cannot be listed is yielded as it is. Raises InvalidSettings for a folder
    without images.
    """
    for path in paths:
        if path == STANDARD_INPUT or not path.is_dir():
            yield path
            continue
        steps = Plan(LocalStorage(path), videos=False).walk()
        images = (path / step.name for step in steps if not isinstance(step, Skipped))
        first = next(images, None)
        if first is None:
            raise InvalidSettings(f"{path} contains no image; give another folder, or files")
        yield first
        yield from images


def image_source(path: Path) -> Path | bytes:
    """Return the path of a file, or the contents of standard input."""
    return _read_standard_input() if path == STANDARD_INPUT else path


def _read_standard_input() -> bytes:
    if sys.stdin is None:  # closed, as by <&-
        raise InvalidSettings("standard input is closed; give a file, or redirect one: < photo.jpg")
    return sys.stdin.buffer.read()


@contextmanager
def as_file(path: Path) -> Iterator[Path]:
    """Yield the path, or that of a temporary file with the contents of standard input."""
    if path != STANDARD_INPUT:
        yield path
        return
    with TemporaryDirectory(prefix="facedetect-") as folder:
        file = Path(folder, "standard input")
        file.write_bytes(_read_standard_input())
        yield file
