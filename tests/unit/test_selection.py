"""Which files and folders of a source are processed."""

from __future__ import annotations

from pathlib import Path

import pytest

from facedetect.archive.plan import Plan, Skipped
from facedetect.archive.selection import Selection
from facedetect.archive.storage import LocalStorage
from facedetect.errors import InvalidSettings

SYSTEM = [
    "@eaDir", "#recycle", ".AppleDouble", ".Trash-1000", "$RECYCLE.BIN", ".thumbnails",
    "__MACOSX", ".@__thumb", "System Volume Information", ".Trashes",
]  # fmt: skip


def make(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"\0")
    return folder


def chosen(folder: Path, include: tuple[str, ...] = (), exclude: tuple[str, ...] = ()) -> list[str]:
    plan = Plan(LocalStorage(folder), selection=Selection.parse(include, exclude))
    return [file.name for file in plan.source_files()]


@pytest.mark.parametrize("name", SYSTEM)
def test_folders_of_the_system_are_left_alone_unless_asked_for(tmp_path: Path, name: str) -> None:
    make(tmp_path, "a.jpg", f"{name}/b.jpg", f"deep/{name.upper()}/c.jpg")
    steps = list(Plan(LocalStorage(tmp_path)).walk())
    skipped = [(s.name, s.reason) for s in steps if isinstance(s, Skipped)]
    assert sorted(skipped) == sorted([(name, "system"), (f"deep/{name.upper()}", "system")])
    assert chosen(tmp_path) == ["a.jpg"]
    assert len(chosen(tmp_path, include=("*",))) == 3
    assert len(chosen(tmp_path, include=(name,))) == 2


def test_what_a_phone_has_in_its_bin_is_left_alone(tmp_path: Path) -> None:
    make(tmp_path, ".trashed-1700000000-a.jpg", ".pending-1700000000-b.jpg", "c.jpg")
    assert chosen(tmp_path) == ["c.jpg"]


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("*.png", ["2019/a.JPG", "2019/private/c.jpg", "private.jpg"]),
        ("*.jpg", ["2019/b.png", "2019/private/d.PNG"]),
        ("private", ["2019/a.JPG", "2019/b.png", "private.jpg"]),
        ("private*", ["2019/a.JPG", "2019/b.png"]),
        ("private*/", ["2019/a.JPG", "2019/b.png", "private.jpg"]),
        ("/private.jpg", ["2019/a.JPG", "2019/b.png", "2019/private/c.jpg", "2019/private/d.PNG"]),
        ("2019/*", ["private.jpg"]),
        ("2019/?.jpg", ["2019/b.png", "2019/private/c.jpg", "2019/private/d.PNG", "private.jpg"]),
        ("2019/**/[c-d].*", ["2019/a.JPG", "2019/b.png", "private.jpg"]),
        ("**/private/**", ["2019/a.JPG", "2019/b.png", "private.jpg"]),
    ],
)
def test_excluded_as_git_ignores(tmp_path: Path, pattern: str, left: list[str]) -> None:
    names = ["2019/a.JPG", "2019/b.png", "2019/private/c.jpg", "2019/private/d.PNG", "private.jpg"]
    assert chosen(make(tmp_path, *names), exclude=(pattern,)) == left


def test_only_what_is_included_is_looked_at_and_exclusion_wins(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "a.png", "album/b.jpg", "album/old/c.png", "@eaDir/d.jpg")
    assert chosen(tmp_path, include=("*.jpg",)) == ["a.jpg", "album/b.jpg"]
    assert chosen(tmp_path, include=("album/",)) == ["album/b.jpg", "album/old/c.png"]
    assert chosen(tmp_path, ("album/", "a.png"), ("old",)) == ["a.png", "album/b.jpg"]


def test_an_accent_matches_however_it_is_encoded(tmp_path: Path) -> None:
    make(tmp_path, "cafe\u0301/a.jpg", "b.jpg")
    assert chosen(tmp_path, exclude=("Caf\u00e9",)) == ["b.jpg"]


@pytest.mark.parametrize("pattern", ["", "/"])
def test_an_empty_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidSettings, match="is not a pattern; give a name such as"):
        Selection.parse([], [pattern])


@pytest.mark.parametrize("name", ["a.ts", "a.mts", "go.mod"])
def test_a_text_named_like_a_video_is_none(tmp_path: Path, name: str) -> None:
    make(tmp_path, "b.ts")
    for text in ("import { a } from 'b';\n// é\n".encode(), "<TS/>".encode("utf-16")):
        (tmp_path / name).write_bytes(text)
        assert chosen(tmp_path) == ["b.ts"]
    (tmp_path / name).write_bytes(b"\x47\x40\x11\x10\0" + bytes(183))
    assert chosen(tmp_path) == sorted([name, "b.ts"])
