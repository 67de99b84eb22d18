"""Write and remove the contact sheet's pages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from facedetect.archive.output_layout import CONTACT_SHEET, REPORTS
from facedetect.archive.reports.contact_sheet.sheet_views import (
    FILTERS,
    TILES_PER_PAGE,
    SheetIndex,
    group_by_folder,
    linked_pages,
    page_name,
)
from facedetect.archive.reports.report_rows import Row, RowReader
from facedetect.archive.storage import Storage

if TYPE_CHECKING:
    from jinja2 import Template

_TEMPLATES = Path(__file__).with_name("templates")
_STATIC = Path(__file__).with_name("static")
_ASSETS = ("style.css", "script.js", "icon.svg")


def write_contact_sheet(read_rows: RowReader, output: Storage) -> None:
    """Write pages of 200 tiles each, and remove an earlier sheet's extra pages.

    The rows are read twice, because every page shows counts over all rows. The first page is
    written last, so that an earlier sheet stays until the new one is complete. Raises OSError.
    """
    index = SheetIndex()
    for row in read_rows():
        index.add(row)
    for name in _ASSETS:
        output.write(f"{CONTACT_SHEET}/{name}", (_STATIC / name).read_bytes())
    pages = _render_pages(read_rows(), index)
    first = next(pages)
    for number, page in enumerate(pages, start=2):
        output.write(f"{CONTACT_SHEET}/{page_name(number)}", page)
    _remove_later_pages(index.pages, output)
    output.write(REPORTS["html"], first)


def remove_contact_sheet(output: Storage) -> None:
    """Remove an earlier run's pages. Thumbnails stay: they are results, like pictures and crops."""
    try:
        entries = output.entries(CONTACT_SHEET)
    except FileNotFoundError:
        return
    for entry in entries:
        if not entry.is_folder:
            output.remove(f"{CONTACT_SHEET}/{entry.name}")


def _render_pages(rows: Iterable[Row], index: SheetIndex) -> Iterator[bytes]:
    template = _load_template()
    numbered = enumerate(rows, start=1)
    for number in range(1, index.pages + 1):
        page = template.render(
            index=index,
            number=number,
            linked_pages=linked_pages(number, index.pages),
            groups=group_by_folder(islice(numbered, TILES_PER_PAGE)),
        )
        yield page.encode()


def _load_template() -> Template:
    # Imported here: every command loads this module, but only this report needs Jinja2.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FILTERS)
    return environment.get_template("page.html.j2")


def _remove_later_pages(last: int, output: Storage) -> None:
    for entry in output.entries(CONTACT_SHEET):
        page = re.fullmatch(r"page-(\d{4,})\.html", entry.name)
        if page and int(page[1]) > last:
            output.remove(f"{CONTACT_SHEET}/{entry.name}")
