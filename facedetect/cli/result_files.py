"""A command's result: a file, or `-` for a PNG on standard output."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from facedetect.errors import InvalidSettings

STANDARD_OUTPUT = Path("-")


@contextmanager
def result_file(path: Path) -> Iterator[Path]:
    """Yield the path, or that of a temporary PNG which goes to standard output after the block.

    Raises InvalidSettings if standard output is closed or a terminal.
    """
    if path != STANDARD_OUTPUT:
        yield path
        return
    if sys.stdout is None or sys.stdout.isatty():
        raise InvalidSettings(
            "standard output is closed or a terminal; redirect it: -o - > faces.png"
        )
    with TemporaryDirectory(prefix="facedetect-") as folder:
        file = Path(folder, "standard output.png")
        yield file
        sys.stdout.buffer.write(file.read_bytes())
        sys.stdout.flush()
