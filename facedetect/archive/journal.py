"""The record of finished files, kept next to the results, so that a run can resume."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from facedetect.archive.reports import Row
from facedetect.errors import InvalidSettings

# Names, and change keys (which contain names), are bytes: they sort in the order of the walk and
# need not be UTF-8.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
    name BLOB PRIMARY KEY, change_key BLOB, fingerprint TEXT, row TEXT, outputs TEXT,
    done INTEGER, seen INTEGER
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS begun (name BLOB PRIMARY KEY, result BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outputs (path BLOB PRIMARY KEY, owner BLOB, run INTEGER) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS outputs_of ON outputs (owner);
"""
_SCHEMA_VERSION = 2
_SCHEMA_NAMES = {"files", "begun", "outputs", "outputs_of"}


class Journal:
    """An SQLite database of finished files, used by one process and thread at a time.

    Records survive a kill at any moment. Raises InvalidSettings if another run has the database
    open or it cannot be read, OSError if it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        """Open the journal at `path`; create it if it does not exist."""
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink():
            raise InvalidSettings(
                f"{path} is a symbolic link, not a journal; remove it to start over, or use "
                "another output folder"
            )
        with self._errors_translated():
            self._database = sqlite3.connect(path, timeout=0)
            self._run = self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with self._errors_translated():
            self._database.commit()
            self._database.close()

    def find_done(
        self, name: str, change_key: str, fingerprint: str
    ) -> tuple[Row, dict[str, int]] | None:
        """Return the row and output sizes of a file that succeeded, if nothing has changed.

        `change_key` is that of the source, `fingerprint` that of the options and the model.
        """
        query = (
            "SELECT row, outputs FROM files WHERE name = ? AND change_key = ? AND fingerprint = ?"
        )
        key = os.fsencode(name), os.fsencode(change_key), fingerprint
        for found in self._select(query, *key):
            row, outputs = map(json.loads, found)
            if row["status"] == "ok" and "not_written" not in row.get("results", {}):
                return row, outputs
        return None

    def rows(self) -> Iterator[Row]:
        """Yield the rows of all files of this run, ordered by the bytes of their names."""
        query = "SELECT row FROM files WHERE seen = ? ORDER BY name"
        return (json.loads(row) for (row,) in self._select(query, self._run))

    def unfinished_results(self) -> list[str]:
        """Return the results of files that were in progress when a run was killed."""
        found = self._select("SELECT result FROM begun ORDER BY name")
        return [os.fsdecode(result) for (result,) in found]

    def stale_outputs(self) -> list[str]:
        """Return outputs of earlier runs that were not rewritten when their source was processed.

        `forget_output` drops them.
        """
        query = (
            "SELECT path FROM outputs JOIN files ON files.name = outputs.owner "
            "WHERE outputs.run < files.done"
        )
        return [os.fsdecode(path) for (path,) in self._select(query)]

    def count_missing(self, fingerprint: str) -> tuple[int, int]:
        """Count the files with results that earlier runs saw and this one did not.

        Also returns how many of them were made with other options: faces may be visible in them.
        """
        query = (
            "SELECT COUNT(*), COALESCE(SUM(fingerprint != ?), 0) FROM files "
            "WHERE seen < ? AND outputs != '{}'"
        )
        ((count, others),) = self._select(query, fingerprint, self._run)
        return count, others

    def begin(self, results: dict[str, str]) -> None:
        """Record that files, given by name and result, are about to be processed.

        Earlier records of them become invalid.
        """
        for name, result in results.items():
            pair = os.fsencode(name), os.fsencode(result)
            self._execute("INSERT OR REPLACE INTO begun VALUES (?, ?)", *pair)
            self._execute("UPDATE files SET fingerprint = '' WHERE name = ?", os.fsencode(name))
        self._commit("begin", results)

    def clear_unfinished(self) -> None:
        """Forget files that were begun but never recorded, once their outputs are removed."""
        self._execute("DELETE FROM begun")
        self._commit("clear_unfinished")

    def record(self, row: Row, change_key: str, fingerprint: str, outputs: dict[str, int]) -> None:
        """Record the result of a file; unless it failed, it is now finished."""
        name = os.fsencode(row["file"])
        texts = os.fsencode(change_key), fingerprint, json.dumps(row), json.dumps(outputs)
        insert = "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?)"
        self._execute(insert, name, *texts, self._run, self._run)
        for path in outputs:
            insert = "INSERT OR REPLACE INTO outputs VALUES (?, ?, ?)"
            self._execute(insert, os.fsencode(path), name, self._run)
        self._execute("DELETE FROM begun WHERE name = ?", name)
        self._commit("record", row, change_key, fingerprint, outputs)

    def forget_output(self, path: str) -> None:
        """Delete the record of a removed output."""
        self._execute("DELETE FROM outputs WHERE path = ?", os.fsencode(path))
        self._commit("forget_output", path)

    def mark_seen(self, name: str) -> None:
        """Include a file finished by an earlier run in this run's report."""
        self._execute("UPDATE files SET seen = ? WHERE name = ?", self._run, os.fsencode(name))
        self._commit()

    def _select(self, query: str, *values: object) -> Iterator[tuple[Any, ...]]:
        with self._errors_translated():
            yield from self._database.execute(query, values)

    def _execute(self, statement: str, *values: object) -> None:
        with self._errors_translated():
            self._database.execute(statement, values)

    def _commit(self, *_change: Any) -> None:
        """Persist a change, given as method name and arguments; empty if only this run needs it."""
        with self._errors_translated():
            self._database.commit()

    def _open(self) -> int:
        """Lock the database for this process and return this run's number."""
        self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._check_ours()  # before anything is written
        self._database.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")
        # Atomic even if the process is killed: a partial schema would look like another program's.
        self._database.executescript(
            f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {_SCHEMA_VERSION}; COMMIT;"
        )
        (run,) = self._database.execute("SELECT COALESCE(MAX(seen), 0) + 1 FROM files").fetchone()
        return int(run)

    def _check_ours(self) -> None:
        """Raise InvalidSettings for another program's or version's database."""
        (version,) = self._database.execute("PRAGMA user_version").fetchone()
        if version not in {0, _SCHEMA_VERSION}:
            raise InvalidSettings(
                f"{self._path} was written by another version of facedetect; remove it to start "
                "over, or use another output folder"
            )
        names = {name for (name,) in self._database.execute("SELECT name FROM sqlite_master")}
        names = {name for name in names if not name.startswith("sqlite_")}
        if names and names != _SCHEMA_NAMES:
            raise InvalidSettings(
                f"{self._path} is another program's database, with "
                f"{', '.join(sorted(names))[:200]}; move it away, or use another output folder"
            )

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
                f"another run is using {self._path}; wait for it to finish, or use another folder"
            )
        if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            return InvalidSettings(f"{self._path} is damaged ({error}); remove it to start over")
        return OSError(errno.EIO, f"{self._path} cannot be written: {error}")
