"""What has been done, kept beside the results, so that a run resumes where it ended."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from facedetect.archive.reports import Row
from facedetect.errors import InvalidSettings

_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
    name BLOB PRIMARY KEY, state BLOB, work TEXT, row TEXT, outputs TEXT, done INTEGER, seen INTEGER
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS begun (name BLOB PRIMARY KEY, result BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outputs (path BLOB PRIMARY KEY, owner BLOB, run INTEGER) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS outputs_of ON outputs (owner);
"""
_SCHEMA_VERSION = 1
_ERRNOS = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_IOERR: errno.EIO,
    sqlite3.SQLITE_READONLY: errno.EACCES,
    sqlite3.SQLITE_CANTOPEN: errno.EACCES,
    sqlite3.SQLITE_PERM: errno.EACCES,
}
_MARKS_PER_COMMIT = 1000

# Names, and states (which contain names), are bytes: they sort as the walk does and need not be
# UTF-8.


class Journal:
    """An SQLite database of finished files, for one process and thread at a time.

    What is recorded survives a kill at any moment. Raises InvalidSettings if another run has it
    open or it cannot be read, OSError if it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        """Open the journal at `path`; a new one is created."""
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._errors_translated():
            self._database = sqlite3.connect(path, timeout=0)
            self._run = self._open()
        self._marks = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with self._errors_translated():
            self._database.commit()
            self._database.close()

    def find_done(self, name: str, state: str, work: str) -> tuple[Row, dict[str, int]] | None:
        """Return the row and output sizes of a file that succeeded, if its state is the same.

        `work` is the fingerprint of the options, which must be the same, too.
        """
        query = "SELECT row, outputs FROM files WHERE name = ? AND state = ? AND work = ?"
        with self._errors_translated():
            values = (os.fsencode(name), os.fsencode(state), work)
            found = self._database.execute(query, values).fetchone()
        if found is None:
            return None
        row, outputs = map(json.loads, found)
        return (row, outputs) if row["status"] == "ok" else None

    def mark_seen(self, name: str) -> None:
        """Include a file that an earlier run finished in this run's report."""
        mark = "UPDATE files SET seen = ? WHERE name = ?"
        with self._errors_translated():
            self._database.execute(mark, (self._run, os.fsencode(name)))
            self._marks += 1
            if self._marks % _MARKS_PER_COMMIT == 0:
                self._database.commit()

    def begin(self, results: dict[str, str]) -> None:
        """Note that files, given by name and result, are about to be processed.

        What was known of them no longer counts.
        """
        values = [(os.fsencode(name), os.fsencode(result)) for name, result in results.items()]
        with self._errors_translated():
            self._database.executemany("INSERT OR REPLACE INTO begun VALUES (?, ?)", values)
            names = [(name,) for name, _ in values]
            self._database.executemany("UPDATE files SET work = '' WHERE name = ?", names)
        self._commit()

    def unfinished_results(self) -> list[str]:
        """Return the results of files that a killed run had begun."""
        with self._errors_translated():
            found = self._database.execute("SELECT result FROM begun ORDER BY name")
            return [os.fsdecode(result) for (result,) in found]

    def clear_unfinished(self) -> None:
        """Forget what was begun and never recorded, once its files are removed."""
        with self._errors_translated():
            self._database.execute("DELETE FROM begun")
        self._commit()

    def record(self, row: Row, state: str, work: str, outputs: dict[str, int]) -> None:
        """Record the result of a file, which is finished from then on."""
        self._store(row, state, work, outputs)
        self._commit()

    def rows(self) -> Iterator[Row]:
        """Give the rows of all files of this run, in the order of their names' bytes."""
        query = "SELECT row FROM files WHERE seen = ? ORDER BY name"
        with self._errors_translated():
            for (row,) in self._database.execute(query, (self._run,)):
                yield json.loads(row)

    def stale_outputs(self) -> list[str]:
        """Return outputs of earlier runs that were not written again when their source was.

        `forget_output` drops them.
        """
        query = (
            "SELECT path FROM outputs JOIN files ON files.name = outputs.owner "
            "WHERE outputs.run < files.done"
        )
        with self._errors_translated():
            return [os.fsdecode(path) for (path,) in self._database.execute(query)]

    def forget_output(self, path: str) -> None:
        """Drop an output that has been removed."""
        with self._errors_translated():
            self._database.execute("DELETE FROM outputs WHERE path = ?", (os.fsencode(path),))

    def count_missing(self, work: str) -> tuple[int, int]:
        """Count the files with results that earlier runs saw and this one did not.

        Also returns how many of them had other options: faces hidden now may show there.
        """
        query = (
            "SELECT COUNT(*), COALESCE(SUM(work != ?), 0) FROM files "
            "WHERE seen < ? AND outputs != '{}'"
        )
        with self._errors_translated():
            count, others = self._database.execute(query, (work, self._run)).fetchone()
        return int(count), int(others)

    def _store(self, row: Row, state: str, work: str, outputs: dict[str, int]) -> None:
        name = os.fsencode(row["file"])
        texts = (os.fsencode(state), work, json.dumps(row), json.dumps(outputs))
        owned = [(os.fsencode(path), name, self._run) for path in outputs]
        with self._errors_translated():
            self._database.execute(
                "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?)",
                (name, *texts, self._run, self._run),
            )
            self._database.executemany("INSERT OR REPLACE INTO outputs VALUES (?, ?, ?)", owned)
            self._database.execute("DELETE FROM begun WHERE name = ?", (name,))

    def _commit(self) -> None:
        with self._errors_translated():
            self._database.commit()

    def _open(self) -> int:
        """Lock the database for this process and return this run's number."""
        self._database.executescript(
            "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
            "PRAGMA synchronous = NORMAL;"
        )
        (version,) = self._database.execute("PRAGMA user_version").fetchone()
        if version not in {0, _SCHEMA_VERSION}:
            raise InvalidSettings(
                f"{self._path} was written by another version of facedetect; remove it to start "
                "over, or use another output folder"
            )
        self._database.executescript(f"{_SCHEMA} PRAGMA user_version = {_SCHEMA_VERSION};")
        (run,) = self._database.execute("SELECT COALESCE(MAX(seen), 0) + 1 FROM files").fetchone()
        return int(run)

    @contextmanager
    def _errors_translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._translate(error) from error

    def _translate(self, error: sqlite3.Error) -> Exception:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            return InvalidSettings(
                f"another run is using {self._path}; wait for it to end, or use another folder"
            )
        if code in _ERRNOS:
            return OSError(_ERRNOS[code], f"{self._path} cannot be written: {error}")
        if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            return InvalidSettings(f"{self._path} is damaged ({error}); remove it to start over")
        return InvalidSettings(f"{self._path} cannot be used: {error}")
