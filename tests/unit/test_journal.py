"""The journal of a local output."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from facedetect.archive.journal import Journal
from facedetect.errors import InvalidSettings

FINGERPRINT = "fingerprint"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".facedetect" / "journal.sqlite"


def row(name: str, status: str = "ok") -> dict[str, object]:
    return {"file": name, "status": status}


def test_what_was_recorded_is_there_although_nothing_was_closed(path: Path, tmp_path: Path) -> None:
    journal = Journal(path)
    journal.record(row("a.jpg"), "key", FINGERPRINT, {"a.jpg": 7})
    copy = tmp_path / "copy"
    copy.mkdir()
    for part in path.parent.iterdir():  # what a killed process leaves
        (copy / part.name).write_bytes(part.read_bytes())
    with Journal(copy / path.name) as again:
        assert again.find_done("a.jpg", "key", FINGERPRINT) == (row("a.jpg"), {"a.jpg": 7})
    journal.close()


def test_one_run_at_a_time_writes_to_a_folder(path: Path) -> None:
    with Journal(path), pytest.raises(InvalidSettings, match="another run is using"):
        Journal(path)
    Journal(path).close()


def test_a_journal_that_cannot_be_used_says_what_to_do(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(OSError, match="cannot be written: unable to open"):
        Journal(path)
    path.rmdir()
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(InvalidSettings, match="remove it to start over"):
        Journal(path)
    path.unlink()
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(InvalidSettings, match="another version of facedetect"):
        Journal(path)


def test_a_database_of_another_program_is_left_as_it_is(path: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.sqlite"
    with sqlite3.connect(foreign) as database:
        database.execute("CREATE TABLE files (of TEXT, another TEXT)")
    database.close()
    before = foreign.read_bytes()
    path.parent.mkdir()
    path.symlink_to(foreign)
    with pytest.raises(InvalidSettings, match="symbolic link, not a journal; remove"):
        Journal(path)
    path.unlink()
    path.write_bytes(before)
    with pytest.raises(
        InvalidSettings, match="another program's database, with files; move it away"
    ):
        Journal(path)
    assert foreign.read_bytes() == before
    assert path.read_bytes() == before


def test_a_link_to_nothing_is_not_followed(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir()
    path.symlink_to(tmp_path / "new.sqlite")
    with pytest.raises(InvalidSettings, match="symbolic link"):
        Journal(path)
    assert not (tmp_path / "new.sqlite").exists()


def test_a_full_disk_is_an_os_error(path: Path) -> None:
    with Journal(path) as journal:
        journal._database.execute("PRAGMA max_page_count = 12")  # noqa: SLF001 - a small disk
        with pytest.raises(OSError, match="cannot be written: database or disk is full"):
            journal.record(row("a.jpg"), "key" * 100_000, FINGERPRINT, {})
