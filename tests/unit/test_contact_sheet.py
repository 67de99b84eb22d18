"""The contact sheet's pages as files: their links, and the effect of untrusted names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest

from facedetect.archive.reports import Row, failed_row, write_report
from facedetect.archive.storage import LocalStorage
from tests.conftest import face_at

FACE = asdict(face_at(10, 20, side=40, confidence=0.75))
ODD_NAMES = [
    "a b/c#1?.jpg",
    'a b/"100% <b>&amp;.jpg',
    "a b/<script>alert(1)</script>.jpg",
    "a b/caf\udce9.jpg",  # the bytes caf\xe9.jpg
    "a b/東京.jpg",
    "javascript:alert(1).jpg",
    "two\nlines.jpg",
    "{{ 7 * 7 }}{% if %}.jpg",
    "bell\x07, it's.jpg",
]


class Page(HTMLParser):
    """The tags of a page and its text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str, **attributes: str) -> list[dict[str, str]]:
        wanted = attributes.items()
        return [found for name, found in self.tags if name == tag and wanted <= found.items()]


def found(file: str, **more: Any) -> Row:
    """A picture with a face, and its results."""
    row = {"file": file, "status": "ok", "width": 640, "height": 480, "faces": [FACE]}
    thumbnail = f"contact-sheet/thumbnails/{file}.jpg"
    return {**row, "results": {"picture": file, "thumbnail": thumbnail}, **more}


def sheet(folder: Path, rows: Iterable[Row]) -> Path:
    listed = list(rows)
    assert write_report("html", lambda: listed, LocalStorage(folder)) == "contact-sheet/index.html"
    return folder / "contact-sheet"


def numbered(count: int) -> Iterator[Row]:
    return (found(f"{number // 150}/{number:04}.jpg") for number in range(count))


def test_links_lead_to_the_files_whatever_their_names_are(tmp_path: Path) -> None:
    place = LocalStorage(tmp_path)
    rows = [found(name) for name in ODD_NAMES]
    for row in rows:
        place.write(row["results"]["picture"], b"picture")
        place.write(row["results"]["thumbnail"], b"thumbnail")
    folder = sheet(tmp_path, rows)
    page = Page(folder / "index.html")
    addresses = [a["href"] for a in page.all("a") if a["href"].startswith("..")]
    addresses += [img["src"] for img in page.all("img") if img["src"].startswith("thumb")]
    files = [folder / os.fsdecode(unquote_to_bytes(address)) for address in addresses]
    contents = [file.read_bytes() for file in files]
    assert contents == [b"picture"] * len(rows) + [b"thumbnail"] * len(rows)
    assert all(address.isascii() for address in addresses)


def test_names_are_text_and_nothing_else(tmp_path: Path) -> None:
    rows = [found(name) for name in ODD_NAMES]
    rows += [failed_row(f"{name}/", OSError(name)) for name in ODD_NAMES]
    rows += [{**failed_row("x.jpg", OSError("")), "reason": "<b>"}]
    page = Page(sheet(tmp_path, rows) / "index.html")
    assert not page.all("b")
    assert [script["src"] for script in page.all("script")] == ["script.js"]
    assert {name for _, attributes in page.tags for name in attributes if name[:2] == "on"} == set()
    titles = [name["title"] for name in page.all("bdi") if "title" in name]
    assert titles[:4] == [*ODD_NAMES[:3], "a b/caf\\xe9.jpg"]


def test_pages_lead_to_each_other(tmp_path: Path) -> None:
    folder = sheet(tmp_path, numbered(1450))
    pages = sorted(path.name for path in folder.glob("*.html"))
    assert pages == ["index.html", *(f"page-{n:04}.html" for n in range(2, 9))]
    fourth = Page(folder / "page-0004.html")
    assert {a["href"] for a in fourth.all("a", rel="prev")} == {"page-0003.html"}
    assert {a["href"] for a in fourth.all("a", rel="next")} == {"page-0005.html"}
    numbers = [a["aria-label"] for a in fourth.all("a") if "aria-label" in a]
    assert numbers == [f"Page {n}" for n in (1, 2, 3, 4, 5, 6, 8)] * 2
    assert not Page(folder / "index.html").all("a", rel="prev")
    assert not Page(folder / "page-0008.html").all("a", rel="next")
    tiles = [
        len(Page(folder / name).all("li", id=f"f{200 * n + 1}")) for n, name in enumerate(pages)
    ]
    assert tiles == [1] * 8
    assert "1,450 pictures" in fourth.text


def test_the_first_page_tells_where_the_folders_begin(tmp_path: Path) -> None:
    folder = sheet(tmp_path, numbered(450))
    first, second = Page(folder / "index.html"), Page(folder / "page-0002.html")
    links = [a["href"] for a in first.all("a") if "#f" in a["href"]]
    assert links == ["index.html#f1", "index.html#f151", "page-0002.html#f301"]
    assert second.all("li", id="f301")
    assert not second.all("details")


def test_what_failed_is_told_by_reason(tmp_path: Path) -> None:
    rows = [*numbered(250), *(failed_row(f"x/{n}.jpg", OSError("no")) for n in range(120))]
    rows += [failed_row("y/", PermissionError("Permission denied"))]
    first = Page(sheet(tmp_path, rows) / "index.html")
    assert first.text.index("120 files") < first.text.index("Permission denied")
    assert "And 20 more files." in first.text
    assert first.all("a", href="index.html#failed")
    assert first.all("section", id="failed")
    assert len(first.all("a", href="page-0002.html#f371")) == 2  # as a folder and as a failure
    second = Page(tmp_path / "contact-sheet" / "page-0002.html")
    assert second.all("li", id="f371")[0]["class"] == "tile failed"


def test_tiles_tell_what_was_found(tmp_path: Path) -> None:
    video = {"frames": 100, "looked_at": 100, "seconds": 83.4, "tracks": 1}
    rows = [found("a.jpg"), found("b.jpg", faces=[]), found("c.mp4", video=video)]
    rows.append(found("d.jpg", results={}))
    page = Page(sheet(tmp_path, rows) / "index.html")
    alts = [img["alt"] for img in page.all("img", loading="lazy")]
    assert alts == ["Picture with 1 face", "Picture with no faces", "Video with 1 face"]
    assert "1:23" in page.text
    assert "No preview" in page.text
    assert not page.all("a", href="../d.jpg")


def test_pages_of_an_earlier_longer_sheet_go(tmp_path: Path) -> None:
    folder = sheet(tmp_path, numbered(650))
    (folder / "page-mine.html").write_text("not ours")
    sheet(tmp_path, numbered(250))
    pages = sorted(path.name for path in folder.glob("*.html"))
    assert pages == ["index.html", "page-0002.html", "page-mine.html"]
    assert {path.name for path in folder.iterdir()} - {*pages} == {
        "icon.svg",
        "script.js",
        "style.css",
    }


def test_an_empty_sheet_says_so(tmp_path: Path) -> None:
    page = Page(sheet(tmp_path, []) / "index.html")
    assert "No pictures or videos" in page.text


@pytest.mark.parametrize("name", ["style.css", "script.js"])
def test_nothing_is_fetched_from_elsewhere(name: str, tmp_path: Path) -> None:
    text = (sheet(tmp_path, numbered(1)) / name).read_text("utf-8")
    assert "http" not in text
    assert "url(" not in text
