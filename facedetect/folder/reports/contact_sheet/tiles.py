"""The tiles of a page, in groups by folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from facedetect.folder.reports.contact_sheet.words import (
    counted,
    in_html,
    kind_of,
    link_to,
    reason_in_words,
)
from facedetect.folder.reports.report_rows import Row

NumberedRow = tuple[int, Row]
"""A row and its place in the whole sheet, counted from 1."""

_NO_PICTURE = '<span class="no-picture">No preview</span>'


def folders_html(rows: Sequence[NumberedRow]) -> str:
    """Return the tiles, below a heading wherever another folder begins."""
    groups = groupby(rows, key=lambda numbered: split_name(numbered[1]["file"])[0])
    return "\n".join(_folder_html(folder, group) for folder, group in groups)


def split_name(file: str) -> tuple[str, str]:
    """Tell a folder ("" is the top) from the name of the file or folder in it."""
    folder, _, name = file.rstrip("/").rpartition("/")
    return folder, name + file[len(file.rstrip("/")) :]


def _folder_html(folder: str, rows: Iterable[NumberedRow]) -> str:
    name = in_html(folder) if folder else "Top folder"
    tiles = "\n".join(_tile_html(number, row) for number, row in rows)
    heading = f'<h2 class="folder-name"><bdi>{name}</bdi></h2>'
    return f'<section class="folder">{heading}\n<ul class="tiles">\n{tiles}\n</ul></section>'


def _tile_html(number: int, row: Row) -> str:
    name = in_html(split_name(row["file"])[1])
    caption = f'<bdi class="name" title="{in_html(row["file"])}">{name}</bdi>'
    shown = _failure_html(row) + caption if row["status"] == "failed" else _found_html(row, caption)
    notes = " · ".join(_notes(row))
    kind = kind_of(row)
    return f'<li class="tile {kind}" id="f{number}">{shown}<span class="about">{notes}</span></li>'


def _failure_html(row: Row) -> str:
    return f'<span class="mat"><span class="why">{in_html(row["message"])}</span></span>'


def _found_html(row: Row, caption: str) -> str:
    """The picture and its name, a link to the result if there is one."""
    results = row.get("results", {})
    inside = f'<span class="mat">{_preview_html(row)}</span>{caption}'
    if "picture" not in results:
        return inside
    return f'<a href="{link_to(results["picture"])}">{inside}</a>'


def _preview_html(row: Row) -> str:
    thumbnail = row.get("results", {}).get("thumbnail")
    what = "Video" if "video" in row else "Picture"
    length = f'<span class="length">{_length(row)}</span>' if "video" in row else ""
    if thumbnail is None:
        return _NO_PICTURE + length
    alt = f"{what} with {counted(len(row['faces']), 'face') if row['faces'] else 'no face'}"
    return f'<img src="{link_to(thumbnail)}" alt="{alt}" loading="lazy">{length}'


def _length(row: Row) -> str:
    minutes, seconds = divmod(round(row["video"]["seconds"]), 60)
    return f"{minutes}:{seconds:02}"


def _notes(row: Row) -> Iterator[str]:
    if row["status"] == "failed":
        yield reason_in_words(row["reason"])
        return
    yield counted(len(row["faces"]), "face") if row["faces"] else "No face"
    yield f"{row['width']} &times; {row['height']}"
