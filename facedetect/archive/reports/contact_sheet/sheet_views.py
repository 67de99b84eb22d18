"""What the contact sheet's templates show, as plain data.

Text is valid UTF-8 and not escaped: the templates escape everything.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal
from urllib.parse import quote

from facedetect.archive.output_layout import CONTACT_SHEET
from facedetect.archive.reports.report_rows import Row, to_utf8
from facedetect.archive.reports.run_summary import RunSummary

TILES_PER_PAGE = 200
_FILES_PER_REASON = 100
_MAX_FOLDERS = 1000
_PAGES_AROUND = 2

_REASONS = {
    "InvalidImage": "Damaged, or not an image",
    "UnsupportedImage": "Unsupported image format",
    "InvalidVideo": "Damaged, or not a video",
    "UnsupportedVideo": "Unsupported video format",
    "ImageTooLarge": "Exceeds the size limits",
    "InvalidParams": "Exceeds the work limit",
    "BackendTimeout": "Timed out",
    "BackendProtocolError": "Invalid response from the model",
    "PermissionError": "Permission denied",
}


@dataclass(frozen=True)
class TileView:
    """One file; `number` is its place in the whole sheet, from 1, and `kind` is for the filter.

    `message` says why a file failed. `link` and `thumbnail` are addresses, "" if there is no such
    file. `length` is a video's, in minutes and seconds.
    """

    number: int
    kind: Literal["faces", "none", "failed"]
    path: str
    name: str
    about: str
    message: str = ""
    link: str = ""
    thumbnail: str = ""
    alt: str = ""
    length: str = ""


@dataclass(frozen=True)
class TileGroup:
    """Consecutive tiles of one folder, which is "" at the top."""

    folder: str
    tiles: list[TileView]


@dataclass(frozen=True)
class FailedFile:
    """A file that failed, with a link to its tile."""

    name: str
    message: str
    link: str


@dataclass
class FailureGroup:
    """The files that failed for one reason, of which only the first hundred are listed."""

    reason: str
    description: str
    count: int = 0
    listed: list[FailedFile] = field(default_factory=list)

    def add(self, row: Row, link: str) -> None:
        """Count a row; `link` leads to its tile."""
        self.count += 1
        if len(self.listed) < _FILES_PER_REASON:
            self.listed.append(FailedFile(to_utf8(row["file"]), to_utf8(row["message"]), link))


@dataclass
class FolderEntry:
    """A folder at the top, with a link to its first tile."""

    name: str
    link: str
    files: int = 0


@dataclass
class SheetIndex:
    """What the pages show about the whole sheet: counts, failures by reason, and folders.

    Its size is bounded: it lists the first 100 files per reason, and the first 1,000 folders.
    """

    summary: RunSummary = field(default_factory=RunSummary)
    rows: int = 0
    failures: dict[str, FailureGroup] = field(default_factory=dict)
    folders: dict[str, FolderEntry] = field(default_factory=dict)

    @property
    def pages(self) -> int:
        """The number of pages; an empty sheet has one."""
        return max(1, -(-self.rows // TILES_PER_PAGE))

    def add(self, row: Row) -> None:
        """Count the next row."""
        link = f"{page_name(self.rows // TILES_PER_PAGE + 1)}#f{self.rows + 1}"
        self.rows += 1
        self.summary.add(row)
        self._add_folder(row, link)
        if row["status"] == "failed":
            reason = row["reason"]
            self.failures.setdefault(reason, FailureGroup(reason, _describe(reason))).add(row, link)

    def failure_groups(self) -> list[FailureGroup]:
        """Return the failures by reason, the most frequent one first."""
        return sorted(self.failures.values(), key=lambda group: (-group.count, group.reason))

    def _add_folder(self, row: Row, link: str) -> None:
        folder, inside, _ = row["file"].partition("/")
        if inside and (folder in self.folders or len(self.folders) < _MAX_FOLDERS):
            self.folders.setdefault(folder, FolderEntry(to_utf8(folder), link)).files += 1


def page_name(number: int) -> str:
    """Return the file name of a page, counted from 1."""
    return "index.html" if number == 1 else f"page-{number:04}.html"


def pluralize(count: int, noun: str) -> str:
    """Return "1 face" or "1,234 faces"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def linked_pages(number: int, last: int) -> list[int]:
    """Return the pages that a page links to by number: those around it and both ends."""
    around = range(max(1, number - _PAGES_AROUND), min(last, number + _PAGES_AROUND) + 1)
    return sorted({1, last, *around})


def group_tiles(rows: Iterable[tuple[int, Row]]) -> list[TileGroup]:
    """Return the tiles of numbered rows, grouped by folder as long as it stays the same."""
    groups = groupby(rows, key=lambda numbered: _split_path(numbered[1]["file"])[0])
    return [
        TileGroup(to_utf8(folder), [_build_tile(number, row) for number, row in group])
        for folder, group in groups
    ]


def _build_tile(number: int, row: Row) -> TileView:
    path = to_utf8(row["file"])
    name = to_utf8(_split_path(row["file"])[1])
    if row["status"] == "failed":
        about = _describe(row["reason"])
        return TileView(number, "failed", path, name, about, message=to_utf8(row["message"]))
    faces = pluralize(len(row["faces"]), "face") if row["faces"] else "no faces"
    results = row.get("results", {})
    return TileView(
        number,
        "faces" if row["faces"] else "none",
        path,
        name,
        about=f"{faces.capitalize()} · {row['width']} \u00d7 {row['height']}",
        link=_address(results.get("picture")),
        thumbnail=_address(results.get("thumbnail")),
        alt=f"{'Video' if 'video' in row else 'Picture'} with {faces}",
        length=_format_length(row["video"]["seconds"]) if "video" in row else "",
    )


def _split_path(path: str) -> tuple[str, str]:
    """Split a path into its folder, "" at the top, and its name. Names of folders end with "/"."""
    folder, _, name = path.rstrip("/").rpartition("/")
    return folder, name + path[len(path.rstrip("/")) :]


def _address(path: str | None) -> str:
    """Return the address of an output file, relative to the sheet's pages; "" for none.

    It is made of the name's bytes, so it works for names that are not UTF-8 as well.
    """
    if path is None:
        return ""
    inside = path.removeprefix(f"{CONTACT_SHEET}/")
    relative = inside if inside != path else f"../{path}"
    return quote(relative.encode("utf-8", "surrogateescape"))


def _format_length(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes}:{seconds:02}"


def _describe(reason: str) -> str:
    """Return what an error class means, in words for the reader."""
    return _REASONS.get(reason, "Other error")
