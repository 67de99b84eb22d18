"""The pages of a contact sheet."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from string import Template
from typing import IO

from facedetect.folder.layout import CONTACT_SHEET
from facedetect.folder.places import Place
from facedetect.folder.reports.contact_sheet.failures import Failures
from facedetect.folder.reports.contact_sheet.folders import Folders
from facedetect.folder.reports.contact_sheet.navigation import navigation_html, page_name
from facedetect.folder.reports.contact_sheet.tiles import NumberedRow, folders_html
from facedetect.folder.reports.contact_sheet.words import counted
from facedetect.folder.reports.report_rows import Row
from facedetect.folder.reports.run_summary import RunSummary

INDEX = f"{CONTACT_SHEET}/index.html"

_TILES_PER_PAGE = 200
_STATIC = Path(__file__).with_name("static")
_SHARED = ("style.css", "script.js", "icon.svg")


@dataclass
class _Contents:
    """What every page tells of the others."""

    pages: int = 0
    summary: RunSummary = field(default_factory=RunSummary)
    failures: Failures = field(default_factory=Failures)
    folders: Folders = field(default_factory=Folders)


def write_contact_sheet(rows: Iterable[Row], output: Place) -> None:
    """Write pages of 200 tiles each, and remove those that an earlier sheet had more.

    Each page tells how many there are, so their tiles wait in a file beside the first page, which
    nobody sees and which is gone however the process ends. The first page is the last to appear.
    """
    template = Template((_STATIC / "page.html").read_text("utf-8"))
    for name in _SHARED:
        output.write(f"{CONTACT_SHEET}/{name}", (_STATIC / name).read_bytes())
    with (
        output.written_to(INDEX) as index,
        tempfile.TemporaryFile("w+", encoding="utf-8", dir=index.parent) as waiting,
    ):
        contents = _put_aside(rows, waiting)
        for number, tiles in enumerate(_taken_back(waiting), start=1):
            page = _page_html(template, number, tiles, contents).encode()
            if number == 1:
                index.write_bytes(page)
            else:
                output.write(f"{CONTACT_SHEET}/{page_name(number)}", page)
        _remove_later_pages(contents.pages, output)


def remove_contact_sheet(output: Place) -> None:
    """Remove the pages of an earlier run's sheet; the thumbnails are the journal's."""
    try:
        entries = output.entries(CONTACT_SHEET)
    except FileNotFoundError:
        return
    for entry in entries:
        if not entry.is_folder:
            output.remove(f"{CONTACT_SHEET}/{entry.name}")


def _put_aside(rows: Iterable[Row], waiting: IO[str]) -> _Contents:
    """Write each page's tiles as a line; an empty sheet has a page, too."""
    contents = _Contents()
    numbered = enumerate(rows, start=1)
    while (page := list(islice(numbered, _TILES_PER_PAGE))) or not contents.pages:
        contents.pages += 1
        waiting.write(json.dumps(folders_html(page)) + "\n")
        _count(page, contents)
    return contents


def _count(page: list[NumberedRow], contents: _Contents) -> None:
    for number, row in page:
        link = f"{page_name(contents.pages)}#f{number}"
        contents.summary.add(row)
        contents.folders.add(row, link)
        if row["status"] == "failed":
            contents.failures.add(row, link)


def _taken_back(waiting: IO[str]) -> Iterator[str]:
    waiting.seek(0)
    yield from map(json.loads, waiting)


def _page_html(template: Template, number: int, tiles: str, contents: _Contents) -> str:
    last = contents.pages
    return template.substitute(
        title="Contact sheet" if last == 1 else f"Contact sheet, page {number:,} of {last:,}",
        summary=_summary_html(contents.summary),
        navigation=navigation_html(number, last),
        folders=contents.folders.to_html() if number == 1 < last else "",
        tiles=tiles or '<p class="nothing">There is no picture or video in this folder.</p>',
        failures=contents.failures.to_html() if number == 1 else "",
    )


def _summary_html(summary: RunSummary) -> str:
    parts = [(summary.images, "picture"), (summary.videos, "video"), (summary.faces, "face")]
    items = [counted(count, noun) for count, noun in parts if count or noun != "video"]
    if summary.without_face:
        items.append(f"{summary.without_face:,} without a face")
    if summary.failed:
        items.append(f'<a href="index.html#failed">{summary.failed:,} failed</a>')
    return "".join(f"<li>{item}</li>" for item in items)


def _remove_later_pages(last: int, output: Place) -> None:
    for entry in output.entries(CONTACT_SHEET):
        page = re.fullmatch(r"page-(\d{4,})\.html", entry.name)
        if page and int(page[1]) > last:
            output.remove(f"{CONTACT_SHEET}/{entry.name}")
