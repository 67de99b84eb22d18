"""The journal of a remote output."""

from __future__ import annotations

import gzip

import pytest

from facedetect.archive.remote_journal import RemoteJournal
from facedetect.archive.remote_storage import open_storage
from facedetect.archive.reports import Row
from facedetect.archive.storage import Storage
from facedetect.errors import InvalidSettings


def row(name: str) -> Row:
    return {"file": name, "status": "ok", "faces": []}


def test_what_is_begun_is_known_before_it_is_done(place: Storage) -> None:
    killed = RemoteJournal(place, flush_s=3600)
    killed.begin({"a.gif": "a.gif.png", "b.jpg": "b.jpg"})
    with RemoteJournal(place) as journal:
        assert journal.unfinished_results() == ["a.gif.png", "b.jpg"]
    killed.close()


def test_a_killed_run_loses_only_the_last_seconds(place: Storage) -> None:
    killed = RemoteJournal(place, flush_s=0)
    killed.record(row("a.jpg"), "1", "fingerprint", {})
    killed.record(row("b.jpg"), "1", "fingerprint", {})
    late = RemoteJournal(place, flush_s=60)
    late.record(row("c.jpg"), "1", "fingerprint", {})
    late.record(row("d.jpg"), "1", "fingerprint", {})
    with RemoteJournal(place) as journal:
        done = [
            journal.find_done(name, "1", "fingerprint")
            for name in ("a.jpg", "b.jpg", "c.jpg", "d.jpg")
        ]
    assert [found is not None for found in done] == [True, True, True, False]
    late.close()
    killed.close()


@pytest.mark.usefixtures("s3")
def test_a_place_that_cannot_be_written_is_known_at_the_first_file() -> None:
    journal = RemoteJournal(open_storage("s3://nowhere/out"))
    with pytest.raises(FileNotFoundError, match="s3://nowhere/out"):
        journal.record(row("a.jpg"), "1", "fingerprint", {})
    with pytest.raises(FileNotFoundError):
        journal.close()  # its temporary folder is removed all the same


@pytest.mark.parametrize(
    "data",
    [b"text", gzip.compress(b"{"), gzip.compress(b'["drop"]')],
    ids=["no gzip", "no JSON", "no change"],
)
def test_a_broken_segment_is_named(data: bytes, place: Storage) -> None:
    with RemoteJournal(place) as journal:
        journal.record(row("a.jpg"), "1", "fingerprint", {})
    (segment,) = (entry.name for entry in place.entries(".facedetect/journal"))
    place.write(f".facedetect/journal/{segment}", data)
    with pytest.raises(InvalidSettings, match=segment):
        RemoteJournal(place)
