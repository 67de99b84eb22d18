"""The journal's contract, for local and remote outputs."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager

from facedetect.archive.journal import Journal
from facedetect.archive.opening import open_journal
from facedetect.archive.storage import Storage

FINGERPRINT = "fingerprint"


def row(name: str, status: str = "ok") -> dict[str, object]:
    return {"file": name, "status": status}


def opened(place: Storage) -> AbstractContextManager[Journal]:
    """The journal of a local or a remote output: what is said of one holds for both."""
    return open_journal(place, dry_run=False)


def test_only_the_same_file_and_work_that_went_well_is_done(place: Storage) -> None:
    with opened(place) as journal:
        journal.record(row("a.jpg"), "key", FINGERPRINT, {})
        journal.record(row("b.jpg", "failed"), "key", FINGERPRINT, {})
        assert journal.find_done("a.jpg", "key", FINGERPRINT)
        assert journal.find_done("a.jpg", "other key", FINGERPRINT) is None
        assert journal.find_done("a.jpg", "key", "another") is None
        assert journal.find_done("b.jpg", "key", FINGERPRINT) is None
        assert journal.find_done("c.jpg", "key", FINGERPRINT) is None


def test_rows_are_this_runs_in_the_order_of_their_bytes(place: Storage) -> None:
    odd = os.fsdecode(b"\xe9.jpg")
    with opened(place) as journal:
        for name in ("b.jpg", odd, "B.jpg", "a/z.jpg", "gone.jpg"):
            journal.record(row(name), "key", FINGERPRINT, {})
    with opened(place) as journal:
        assert list(journal.rows()) == []
        for name in ("b.jpg", odd, "B.jpg"):
            journal.mark_seen(name)
        journal.record(row("a/z.jpg"), "new key", FINGERPRINT, {})
        assert [found["file"] for found in journal.rows()] == ["B.jpg", "a/z.jpg", "b.jpg", odd]
        assert journal.count_missing(FINGERPRINT) == (0, 0)


def test_what_is_not_seen_again_is_counted_if_it_has_results(place: Storage) -> None:
    with opened(place) as journal:
        journal.record(row("a.jpg"), "key", "another", {"a.jpg": 1})
        journal.record(row("b.jpg"), "key", FINGERPRINT, {"b.jpg": 1})
        journal.record(row("c.jpg", "failed"), "key", FINGERPRINT, {})
    with opened(place) as journal:
        assert journal.count_missing(FINGERPRINT) == (2, 1)
        journal.mark_seen("b.jpg")
        assert journal.count_missing(FINGERPRINT) == (1, 1)


def test_what_was_begun_counts_only_when_it_is_recorded(place: Storage) -> None:
    with opened(place) as journal:
        for name in ("a.jpg", "b.jpg"):
            journal.record(row(name), "key", FINGERPRINT, {name: 1})
        journal.begin({"a.jpg": "a.jpg", "b.jpg": "b.jpg", "c.gif": "c.gif.png"})
        journal.record(row("b.jpg"), "key", FINGERPRINT, {"b.jpg": 1})
    with opened(place) as journal:
        assert journal.find_done("a.jpg", "key", FINGERPRINT) is None
        assert journal.find_done("b.jpg", "key", FINGERPRINT)
        assert journal.unfinished_results() == ["a.jpg", "c.gif.png"]
        journal.clear_unfinished()
    with opened(place) as journal:
        assert journal.unfinished_results() == []


def test_outputs_that_a_file_has_no_more_are_stale(place: Storage) -> None:
    with opened(place) as journal:
        journal.record(row("a.gif"), "1", FINGERPRINT, {"a.gif.png": 1, "crops/a-1.png": 1})
    with opened(place) as journal:
        journal.record(row("a.gif.png"), "1", FINGERPRINT, {"a.gif.png": 1})  # it has the name now
        journal.record(row("a.gif"), "2", FINGERPRINT, {"a.gif.png.png": 1})
        assert journal.stale_outputs() == ["crops/a-1.png"]
        journal.forget_output("crops/a-1.png")
    with opened(place) as journal:
        assert journal.stale_outputs() == []
