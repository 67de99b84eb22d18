"""What has been done already: kept beside the results, so that a run can go on where it ended."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from facedetect.errors import InvalidSettings
from facedetect.folder.reports import Row

_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
    name BLOB PRIMARY KEY, state BLOB, work TEXT, row TEXT, outputs TEXT, done INTEGER, seen INTEGER
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS begun (name BLOB PRIMARY KEY, result BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outputs (path BLOB PRIMARY KEY, owner BLOB, run INTEGER) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS outputs_of ON outputs (owner);
"""
_LAYOUT = 1
_NUMBERS = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_IOERR: errno.EIO,
    sqlite3.SQLITE_READONLY: errno.EACCES,
    sqlite3.SQLITE_CANTOPEN: errno.EACCES,
    sqlite3.SQLITE_PERM: errno.EACCES,
}
_MARKS_AT_ONCE = 1000

# Names, and states, which hold names, are bytes: they sort as the plan does, and need not be UTF-8.


class Journal:
    """A database of finished files; one process at a time has it.

    What is recorded is there after the process was killed at any moment. Used by one thread.
    Raises InvalidSettings if another run has it, or it cannot be read; OSError if the disk is full.
    """

    def __init__(self, path: Path) -> None:
        """Open, and make if need be, the journal at `path`."""
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._errors():
            self._database = sqlite3.connect(path, timeout=0)
            self._run = self._open()
        self._marks = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with self._errors():
            self._database.commit()
            self._database.close()

    def done(self, name: str, state: str, work: str) -> tuple[Row, dict[str, int]] | None:
        """The row and the outputs' sizes of a file that was done well in this state and so."""
        query = "SELECT row, outputs FROM files WHERE name = ? AND state = ? AND work = ?"
        with self._errors():
            values = (os.fsencode(name), os.fsencode(state), work)
            found = self._database.execute(query, values).fetchone()
        if found is None:
            return None
        row, outputs = map(json.loads, found)
        return (row, outputs) if row["status"] == "ok" else None

    def keep(self, name: str) -> None:
        """Take what an earlier run has found for a file into this run's report."""
        mark = "UPDATE files SET seen = ? WHERE name = ?"
        with self._errors():
            self._database.execute(mark, (self._run, os.fsencode(name)))
            self._marks += 1
            if self._marks % _MARKS_AT_ONCE == 0:
                self._database.commit()

    def begin(self, results: dict[str, str]) -> None:
        """Note that files, by their names and results, are about to be done.

        Until they are recorded, what was known of them does not count.
        """
        values = [(os.fsencode(name), os.fsencode(result)) for name, result in results.items()]
        with self._errors():
            self._database.executemany("INSERT OR REPLACE INTO begun VALUES (?, ?)", values)
            names = [(name,) for name, _ in values]
            self._database.executemany("UPDATE files SET work = '' WHERE name = ?", names)
        self._commit()

    def unrecorded(self) -> list[str]:
        """The results of files that a run had begun when it was killed."""
        with self._errors():
            found = self._database.execute("SELECT result FROM begun ORDER BY name")
            return [os.fsdecode(result) for (result,) in found]

    def give_up(self) -> None:
        """Forget what was begun and never recorded: its files have been removed."""
        with self._errors():
            self._database.execute("DELETE FROM begun")
        self._commit()

    def record(self, row: Row, state: str, work: str, outputs: dict[str, int]) -> None:
        """Remember what became of a file; from now on it is done."""
        self._store(row, state, work, outputs)
        self._commit()

    def rows(self) -> Iterator[Row]:
        """The rows of all files of this run, in the order of their names' bytes."""
        query = "SELECT row FROM files WHERE seen = ? ORDER BY name"
        with self._errors():
            for (row,) in self._database.execute(query, (self._run,)):
                yield json.loads(row)

    def stale_outputs(self) -> list[str]:
        """Files that earlier runs have written for a source that has been done anew without them.

        They are forgotten by `forget`.
        """
        query = (
            "SELECT path FROM outputs JOIN files ON files.name = outputs.owner "
            "WHERE outputs.run < files.done"
        )
        with self._errors():
            return [os.fsdecode(path) for (path,) in self._database.execute(query)]

    def forget(self, path: str) -> None:
        """Give up an output that has been removed."""
        with self._errors():
            self._database.execute("DELETE FROM outputs WHERE path = ?", (os.fsencode(path),))

    def unseen(self, work: str) -> tuple[int, int]:
        """How many files of earlier runs, whose results are there, this one has not seen.

        And how many of them were done with other work than this: hidden faces may show there.
        """
        query = (
            "SELECT COUNT(*), COALESCE(SUM(work != ?), 0) FROM files "
            "WHERE seen < ? AND outputs != '{}'"
        )
        with self._errors():
            count, others = self._database.execute(query, (work, self._run)).fetchone()
        return int(count), int(others)

    def _store(self, row: Row, state: str, work: str, outputs: dict[str, int]) -> None:
        name = os.fsencode(row["file"])
        texts = (os.fsencode(state), work, json.dumps(row), json.dumps(outputs))
        owned = [(os.fsencode(path), name, self._run) for path in outputs]
        with self._errors():
            self._database.execute(
                "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?)",
                (name, *texts, self._run, self._run),
            )
            self._database.executemany("INSERT OR REPLACE INTO outputs VALUES (?, ?, ?)", owned)
            self._database.execute("DELETE FROM begun WHERE name = ?", (name,))

    def _commit(self) -> None:
        with self._errors():
            self._database.commit()

    def _open(self) -> int:
        """Take the database for this process alone; returns this run's number."""
        self._database.executescript(
            "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
            "PRAGMA synchronous = NORMAL;"
        )
        (layout,) = self._database.execute("PRAGMA user_version").fetchone()
        if layout not in {0, _LAYOUT}:
            raise InvalidSettings(
                f"{self._path} is of another version of facedetect; remove it to begin anew, "
                "or give another folder"
            )
        self._database.executescript(f"{_SCHEMA} PRAGMA user_version = {_LAYOUT};")
        (run,) = self._database.execute("SELECT COALESCE(MAX(seen), 0) + 1 FROM files").fetchone()
        return int(run)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._told(error) from error

    def _told(self, error: sqlite3.Error) -> Exception:
        """What is wrong with the database, and what to do about it."""
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            return InvalidSettings(
                f"another run is writing there: {self._path} is in use; wait for it to end, "
                "or give another folder"
            )
        if code in _NUMBERS:
            return OSError(_NUMBERS[code], f"{self._path} cannot be written: {error}")
        if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            return InvalidSettings(f"{self._path} is broken ({error}); remove it to begin anew")
        return InvalidSettings(f"{self._path} cannot be used: {error}")
