"""The journal of a remote output, where no database can be: a local one, and its log there."""

from __future__ import annotations

import gzip
import json
import math
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from facedetect.archive.journal import Journal
from facedetect.archive.reports import Row
from facedetect.archive.storage import STATE, Storage
from facedetect.errors import InvalidSettings

_FOLDER = f"{STATE}/journal"
_PARALLEL_READS = 16

Line = dict[str, Any]


class RemoteJournal(Journal):
    """A journal in a temporary folder that is uploaded to `storage` every `flush_s` seconds.

    What is begun is uploaded at once. The log is read back at the start: a killed process loses the
    last seconds, and those files are processed again with the same results. Besides what Journal's
    methods raise, all raise OSError if the storage fails.
    """

    def __init__(self, storage: Storage, *, flush_s: float = 5.0) -> None:
        self._storage = storage
        self._flush_s = flush_s
        self._pending: list[Line] = []
        self._flushed = -math.inf  # upload the first row at once, to fail early
        self._segments = 0
        self._folder = TemporaryDirectory(prefix="facedetect-", ignore_cleanup_errors=True)
        try:
            super().__init__(Path(self._folder.name, "journal.sqlite"))
            self._read_back()
        except BaseException:
            self._folder.cleanup()
            raise

    def close(self) -> None:
        try:
            self._flush()
        finally:
            super().close()
            self._folder.cleanup()

    def begin(self, results: dict[str, str]) -> None:
        super().begin(results)
        self._log({"begun": results})
        self._flush()  # before anything is written

    def clear_unfinished(self) -> None:
        super().clear_unfinished()
        self._log({"given_up": True})

    def record(self, row: Row, state: str, work: str, outputs: dict[str, int]) -> None:
        super().record(row, state, work, outputs)
        self._log({"row": row, "state": state, "work": work, "outputs": outputs})

    def forget_output(self, path: str) -> None:
        super().forget_output(path)
        self._log({"forgotten": path})

    def _log(self, line: Line) -> None:
        self._pending.append(line)
        if time.monotonic() - self._flushed >= self._flush_s:
            self._flush()

    def _flush(self) -> None:
        """Upload the pending lines as a new segment; segments never change."""
        if self._pending:
            lines = "".join(json.dumps(line) + "\n" for line in self._pending)
            # Names sort by run and time, and differ between two runs at the same time.
            name = f"{self._run:08}-{self._segments:08}-{uuid4().hex[:8]}.jsonl.gz"
            self._storage.write(f"{_FOLDER}/{name}", gzip.compress(lines.encode(), 6, mtime=0))
            self._segments += 1
            self._pending.clear()
        self._flushed = time.monotonic()

    def _read_back(self) -> None:
        """Replay the log of earlier runs, each under its number; this run gets the next one."""
        last = 0
        for name, lines in self._read_segments():
            last = self._run = int(name.partition("-")[0])
            for line in lines:
                if "forgotten" in line:
                    super().forget_output(line["forgotten"])
                elif "begun" in line:
                    super().begin(line["begun"])
                elif "given_up" in line:
                    super().clear_unfinished()
                else:
                    self._store(line["row"], line["state"], line["work"], line["outputs"])
            self._commit()
        self._run = last + 1

    def _read_segments(self) -> Iterator[tuple[str, list[Line]]]:
        names = iter(self._names())
        with ThreadPoolExecutor(_PARALLEL_READS) as pool:
            while batch := list(islice(names, _PARALLEL_READS)):
                for name, data in zip(batch, pool.map(self._read, batch), strict=True):
                    yield name, self._parse(name, data)

    def _names(self) -> list[str]:
        try:
            entries = self._storage.entries(_FOLDER)
        except FileNotFoundError:
            return []
        return sorted(entry.name for entry in entries if entry.name.endswith(".jsonl.gz"))

    def _read(self, name: str) -> bytes:
        return self._storage.read(f"{_FOLDER}/{name}")

    def _parse(self, name: str, data: bytes) -> list[Line]:
        try:
            return [json.loads(line) for line in gzip.decompress(data).splitlines()]
        except (EOFError, OSError, ValueError) as error:
            raise InvalidSettings(
                f"{self._storage}/{_FOLDER}/{name} cannot be read ({error}); remove it to have its "
                "files processed again"
            ) from error
