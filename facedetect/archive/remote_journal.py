"""The journal for a remote output: a local database whose log is uploaded."""

from __future__ import annotations

import gzip
import json
import math
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from facedetect.archive.journal import Journal
from facedetect.archive.storage import RUN_FOLDER, Storage
from facedetect.errors import InvalidSettings

_FOLDER = f"{RUN_FOLDER}/journal"
_PARALLEL_READS = 16
_DAMAGES = (gzip.BadGzipFile, zlib.error, EOFError, KeyError, TypeError, ValueError)

# The log holds the names of these methods and their arguments.
_CHANGES = {
    method.__name__: method
    for method in (Journal.begin, Journal.clear_unfinished, Journal.record, Journal.forget_output)
}


class RemoteJournal(Journal):
    """A journal in a temporary folder; its changes are uploaded to `storage` every `flush_s`.

    Files about to be processed are uploaded at once. The log is replayed at the start: a killed
    process loses the last seconds, and those files are processed again with the same results. In
    addition to Journal's errors, all methods raise OSError if the storage fails.
    """

    def __init__(self, storage: Storage, *, flush_s: float = 5.0) -> None:
        self._storage = storage
        self._flush_s = flush_s
        self._pending: list[tuple[Any, ...]] = []
        self._segments = 0
        self._flushed = math.inf  # never, while the log is replayed
        self._folder = TemporaryDirectory(prefix="facedetect-", ignore_cleanup_errors=True)
        try:
            super().__init__(Path(self._folder.name, "journal.sqlite"))
            self._read_back()
        except BaseException:
            self._folder.cleanup()
            raise
        self._flushed = -math.inf  # upload the first change at once, to fail early

    def close(self) -> None:
        try:
            self._flush()
        finally:
            super().close()
            self._folder.cleanup()

    def begin(self, results: dict[str, str]) -> None:
        super().begin(results)
        self._flush()  # before anything is written

    def _commit(self, *change: Any) -> None:
        if change:
            self._pending.append(change)
        if time.monotonic() - self._flushed >= self._flush_s:
            self._flush()

    def _flush(self) -> None:
        """Upload the pending changes as a new, immutable segment."""
        if self._pending:
            lines = "".join(json.dumps(change) + "\n" for change in self._pending)
            # Names sort by run and time, and differ between concurrent runs.
            name = f"{self._run:08}-{self._segments:08}-{uuid4().hex[:8]}.jsonl.gz"
            self._storage.write(f"{_FOLDER}/{name}", gzip.compress(lines.encode(), 6, mtime=0))
            self._segments += 1
            self._pending.clear()
        super()._commit()
        self._flushed = time.monotonic()

    def _read_back(self) -> None:
        """Replay the log of earlier runs under their numbers; this run gets the next number."""
        last = 0
        for name, data in self._read_segments():
            last = self._run = int(name.partition("-")[0])
            try:
                for line in gzip.decompress(data).splitlines():
                    change, *values = json.loads(line)
                    _CHANGES[change](self, *values)
            except _DAMAGES as error:
                raise InvalidSettings(
                    f"{self._storage}/{_FOLDER}/{name} cannot be read ({error}); remove it to "
                    "process its files again"
                ) from error
            self._pending.clear()
            super()._commit()
        self._run = last + 1

    def _read_segments(self) -> Iterator[tuple[str, bytes]]:
        names = iter(self._names())
        with ThreadPoolExecutor(_PARALLEL_READS) as pool:
            while batch := list(islice(names, _PARALLEL_READS)):
                yield from zip(batch, pool.map(self._read, batch), strict=True)

    def _names(self) -> list[str]:
        try:
            entries = self._storage.entries(_FOLDER)
        except FileNotFoundError:
            return []
        return sorted(entry.name for entry in entries if entry.name.endswith(".jsonl.gz"))

    def _read(self, name: str) -> bytes:
        return self._storage.read(f"{_FOLDER}/{name}")
