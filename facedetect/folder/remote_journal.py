"""The journal of results at an address, where no database can be: a local one and its log there."""

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

from facedetect.errors import InvalidSettings
from facedetect.folder.journal import Journal
from facedetect.folder.places import STATE, Place
from facedetect.folder.reports import Row

_FOLDER = f"{STATE}/journal"
_READ_AT_ONCE = 16

Line = dict[str, Any]


class RemoteJournal(Journal):
    """A journal in a temporary folder; what is recorded goes to `place` every `flush_s` seconds.

    What is begun goes there at once. It is read back at the start: a process that is killed loses
    the last seconds, and those files are done again with the same results. Besides what Journal's
    do, all calls raise OSError if the place fails.
    """

    def __init__(self, place: Place, *, flush_s: float = 5.0) -> None:
        self._place = place
        self._flush_s = flush_s
        self._pending: list[Line] = []
        self._flushed = -math.inf  # the first row goes there at once: can anything be written?
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
        self._note({"begun": results})
        self._flush()  # before anything is written

    def give_up(self) -> None:
        super().give_up()
        self._note({"given_up": True})

    def record(self, row: Row, state: str, work: str, outputs: dict[str, int]) -> None:
        super().record(row, state, work, outputs)
        self._note({"row": row, "state": state, "work": work, "outputs": outputs})

    def forget(self, path: str) -> None:
        super().forget(path)
        self._note({"forgotten": path})

    def _note(self, line: Line) -> None:
        self._pending.append(line)
        if time.monotonic() - self._flushed >= self._flush_s:
            self._flush()

    def _flush(self) -> None:
        """Write what was noted as one more segment: they are never changed."""
        if self._pending:
            lines = "".join(json.dumps(line) + "\n" for line in self._pending)
            # Names sort by run and time; what two runs at once write has different names.
            name = f"{self._run:08}-{self._segments:08}-{uuid4().hex[:8]}.jsonl.gz"
            self._place.write(f"{_FOLDER}/{name}", gzip.compress(lines.encode(), 6, mtime=0))
            self._segments += 1
            self._pending.clear()
        self._flushed = time.monotonic()

    def _read_back(self) -> None:
        """Record what earlier runs did, each under its number; this run has the next one."""
        last = 0
        for name, lines in self._read_segments():
            last = self._run = int(name.partition("-")[0])
            for line in lines:
                if "forgotten" in line:
                    super().forget(line["forgotten"])
                elif "begun" in line:
                    super().begin(line["begun"])
                elif "given_up" in line:
                    super().give_up()
                else:
                    self._store(line["row"], line["state"], line["work"], line["outputs"])
            self._commit()
        self._run = last + 1

    def _read_segments(self) -> Iterator[tuple[str, list[Line]]]:
        names = iter(self._names())
        with ThreadPoolExecutor(_READ_AT_ONCE) as pool:
            while some := list(islice(names, _READ_AT_ONCE)):
                for name, data in zip(some, pool.map(self._read, some), strict=True):
                    yield name, self._parse(name, data)

    def _names(self) -> list[str]:
        try:
            entries = self._place.entries(_FOLDER)
        except FileNotFoundError:
            return []
        return sorted(entry.name for entry in entries if entry.name.endswith(".jsonl.gz"))

    def _read(self, name: str) -> bytes:
        return self._place.read(f"{_FOLDER}/{name}")

    def _parse(self, name: str, data: bytes) -> list[Line]:
        try:
            return [json.loads(line) for line in gzip.decompress(data).splitlines()]
        except (EOFError, OSError, ValueError) as error:
            raise InvalidSettings(
                f"{self._place}/{_FOLDER}/{name} cannot be read ({error}); remove it to have its "
                "files done again"
            ) from error
