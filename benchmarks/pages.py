"""Write benchmark tables into the documentation, between two comments that name them."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table


def write_section(page: Path, name: str, text: str) -> None:
    """Replace what is between `<!-- name -->` and `<!-- /name -->`.

    Raises ValueError unless the page contains both exactly once.
    """
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    content, count = re.subn(
        f"{start}.*{end}",
        lambda _: f"{start}\n\n{text.strip()}\n\n{end}",
        page.read_text("utf-8"),
        flags=re.DOTALL,
    )
    if count != 1:
        raise ValueError(f"{page} must contain {start} ... {end} exactly once; found {count}")
    page.write_text(content, "utf-8")


def page_with(pages: Sequence[Path], name: str) -> Path:
    """The page that has the section; raises ValueError unless exactly one has it."""
    found = [page for page in pages if f"<!-- {name} -->" in page.read_text("utf-8")]
    if len(found) != 1:
        listed = ", ".join(map(str, pages))
        raise ValueError(f"one of {listed} must contain <!-- {name} -->; {len(found)} do")
    return found[0]


def link_from(page: Path, target: Path) -> str:
    """Return a file's path as a link relative to the page."""
    return Path(os.path.relpath(target, page.parent)).as_posix()


def print_table(rows: Sequence[Sequence[str]], title: str = "") -> str:
    """Print a table whose first row is its header, and return it as Markdown."""
    table = Table(*rows[0], title=title)
    for row in rows[1:]:
        table.add_row(*row)
    Console(width=200).print(table)
    lines = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
