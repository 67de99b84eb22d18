"""The data of the contact sheet's templates: counts over all rows, and text filters.

Filters return unescaped, valid UTF-8; the templates escape everything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from urllib.parse import quote

from facedetect.archive.output_layout import CONTACT_SHEET
from facedetect.archive.reports.report_rows import Row, to_utf8
from facedetect.archive.reports.run_summary import RunSummary
from facedetect.formatting import counted

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

NumberedRow = tuple[int, Row]
"""A row with its position in the whole sheet, from 1."""


@dataclass
class SheetIndex:
    """The pages' data about the whole sheet: counts, failures by reason, and folders.

    Its size is bounded: `failures` has the first 100 files per reason. `folders` counts the files
    of the first 1,000 top-level folders; `folder_starts` has the position of each one's first file.
    """

    summary: RunSummary = field(default_factory=RunSummary)
    failures: dict[str, list[NumberedRow]] = field(default_factory=dict)
    folders: Counter[str] = field(default_factory=Counter)
    folder_starts: dict[str, int] = field(default_factory=dict)

    @property
    def pages(self) -> int:
        """The number of pages; even an empty sheet has one."""
        return max(1, -(-self.summary.done // TILES_PER_PAGE))

    def add(self, row: Row) -> None:
        """Count the next row."""
        self.summary.add(row)
        number = self.summary.done
        if row["status"] == "failed":
            listed = self.failures.setdefault(row["reason"], [])
            if len(listed) < _FILES_PER_REASON:
                listed.append((number, row))
        folder, is_inside, _ = row["file"].partition("/")
        if is_inside and (folder in self.folders or len(self.folders) < _MAX_FOLDERS):
            self.folders[folder] += 1
            self.folder_starts.setdefault(folder, number)

    def reasons(self) -> list[tuple[str, int]]:
        """Return the reasons for failures with their file counts, most frequent first."""
        counts = self.summary.failures.items()
        return sorted(counts, key=lambda counted: (-counted[1], counted[0]))


def group_by_folder(rows: Iterable[NumberedRow]) -> Iterator[tuple[str, Iterator[NumberedRow]]]:
    """Yield consecutive rows of the same folder ("" at the top) without storing them."""
    return groupby(rows, key=lambda numbered: _split_path(numbered[1]["file"])[0])


def linked_pages(number: int, last: int) -> list[int]:
    """Return the page numbers a page links to: its neighbours, the first and the last."""
    around = range(max(1, number - _PAGES_AROUND), min(last, number + _PAGES_AROUND) + 1)
    return sorted({1, last, *around})


def page_name(number: int) -> str:
    """Return the file name of a page, counted from 1."""
    return "index.html" if number == 1 else f"page-{number:04}.html"


def tile_link(number: int) -> str:
    """Return the link to the tile of a row, given its position in the sheet."""
    return f"{page_name((number - 1) // TILES_PER_PAGE + 1)}#f{number}"


def file_name(path: str) -> str:
    """Return the last part of a path; folder names end with "/"."""
    return to_utf8(_split_path(path)[1])


def output_link(path: str) -> str:
    """Return the URL of an output file, relative to the sheet's pages.

    It encodes the name's bytes, so it also works for names that are not UTF-8.
    """
    inside = path.removeprefix(f"{CONTACT_SHEET}/")
    relative = inside if inside != path else f"../{path}"
    return quote(relative.encode("utf-8", "surrogateescape"))


def minutes(seconds: float) -> str:
    """Return a duration in minutes and seconds, "1:23"."""
    whole, rest = divmod(round(seconds), 60)
    return f"{whole}:{rest:02}"


def describe_reason(reason: str) -> str:
    """Return what an error class means, in words for readers."""
    return _REASONS.get(reason, "Other error")


def _split_path(path: str) -> tuple[str, str]:
    folder, _, name = path.rstrip("/").rpartition("/")
    return folder, name + path[len(path.rstrip("/")) :]


FILTERS = {
    "counted": counted,
    "describe_reason": describe_reason,
    "file_name": file_name,
    "minutes": minutes,
    "output_link": output_link,
    "page_name": page_name,
    "thousands": "{:,}".format,
    "tile_link": tile_link,
    "utf8": to_utf8,
}
"""The templates' filters by their names."""
