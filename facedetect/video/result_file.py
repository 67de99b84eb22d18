"""A result file as FFmpeg writes it, without opening anything."""

from __future__ import annotations

import os
from typing import BinaryIO


class ResultFile:
    """One position in a file that is already open; `reopen` gives another one.

    FFmpeg reads back what it wrote to move an index to the front. A process without the right to
    open files can do that, too.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._position = 0

    def reopen(self, _url: str, _flags: int, _options: dict[str, str]) -> ResultFile:
        """Return the same file at its start; the arguments are those of PyAV's `io_open`."""
        return ResultFile(self._file)

    def read(self, count: int) -> bytes:
        data = os.pread(self._file.fileno(), count, self._position)
        self._position += len(data)
        return data

    def write(self, data: bytes) -> int:
        """Write all of it; raises OSError."""
        rest = memoryview(data)
        while rest:
            written = os.pwrite(self._file.fileno(), rest, self._position)
            self._position += written
            rest = rest[written:]
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position}.get(whence)
        if start is None:
            start = os.fstat(self._file.fileno()).st_size
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        return self._position
