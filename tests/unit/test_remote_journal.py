"""The journal of results at an address."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from facedetect.archive.journal import Journal
from facedetect.archive.remote_journal import RemoteJournal
from facedetect.archive.remote_storage import open_storage
from facedetect.archive.reports import Row
from facedetect.archive.storage import Storage
from facedetect.errors import InvalidSettings


def row(name: str) -> Row:
    return {"file": name, "status": "ok", "faces": []}


def test_the_journal_is_read_back(place: Storage) -> None:
    with RemoteJournal(place) as journal:
        journal.record(row("a.jpg"), "1", "work", {"a.jpg": 5, "crops/a.jpg-1.jpg": 2})
        journal.record(row("bad\udcff.jpg"), "1", "work", {})
    with RemoteJournal(place) as journal:
        assert journal.find_done("a.jpg", "1", "work") == (
            row("a.jpg"),
            {"a.jpg": 5, "crops/a.jpg-1.jpg": 2},
        )
        assert journal.find_done("bad\udcff.jpg", "1", "work") is not None
        assert journal.find_done("a.jpg", "2", "work") is None
        assert list(journal.rows()) == []
        assert journal.count_missing("work") == (1, 0)
        journal.record(row("a.jpg"), "2", "work", {"a.jpg": 6})
        assert journal.stale_outputs() == ["crops/a.jpg-1.jpg"]
        journal.forget_output("crops/a.jpg-1.jpg")
    with RemoteJournal(place) as journal:
        assert journal.stale_outputs() == []
        journal.mark_seen("a.jpg")
        assert list(journal.rows()) == [row("a.jpg")]


def test_what_is_begun_is_known_before_it_is_done(place: Storage) -> None:
    killed = RemoteJournal(place, flush_s=3600)
    killed.begin({"a.gif": "a.gif.png", "b.jpg": "b.jpg"})
    with RemoteJournal(place) as journal:
        assert journal.unfinished_results() == ["a.gif.png", "b.jpg"]
        journal.clear_unfinished()
    with RemoteJournal(place) as journal:
        assert journal.unfinished_results() == []
    killed.close()


def test_a_killed_run_loses_only_the_last_seconds(place: Storage) -> None:
    killed = RemoteJournal(place, flush_s=0)
    killed.record(row("a.jpg"), "1", "work", {})
    killed.record(row("b.jpg"), "1", "work", {})
    late = RemoteJournal(place, flush_s=60)
    late.record(row("c.jpg"), "1", "work", {})
    late.record(row("d.jpg"), "1", "work", {})
    with RemoteJournal(place) as journal:
        done = [
            journal.find_done(name, "1", "work") for name in ("a.jpg", "b.jpg", "c.jpg", "d.jpg")
        ]
    assert [found is not None for found in done] == [True, True, True, False]
    late.close()
    killed.close()


@pytest.mark.usefixtures("s3")
def test_a_place_that_cannot_be_written_is_known_at_the_first_file() -> None:
    journal = RemoteJournal(open_storage("s3://nowhere/out"))
    with pytest.raises(FileNotFoundError, match="s3://nowhere/out"):
        journal.record(row("a.jpg"), "1", "work", {})


@pytest.mark.parametrize("data", [b"no gzip", gzip.compress(b"{"), gzip.compress(b'["drop"]')])
def test_a_broken_segment_is_named(data: bytes, place: Storage) -> None:
    with RemoteJournal(place) as journal:
        journal.record(row("a.jpg"), "1", "work", {})
    (segment,) = (entry.name for entry in place.entries(".facedetect/journal"))
    place.write(f".facedetect/journal/{segment}", data)
    with pytest.raises(InvalidSettings, match=segment):
        RemoteJournal(place)


def test_both_journals_give_the_same(place: Storage, out: Path) -> None:
    with Journal(out / "journal.sqlite") as local, RemoteJournal(place) as remote:
        for journal in (local, remote):
            for name in ["b.jpg", "a/z.jpg", "a.jpg"]:
                journal.record(row(name), "1", "work", {name: 1})
        assert list(local.rows()) == list(remote.rows())
        assert [line["file"] for line in local.rows()] == ["a.jpg", "a/z.jpg", "b.jpg"]
