"""Sections of a page that benchmarks write, between two comments that name them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table


def write_section(page: Path, name: str, text: str) -> None:
    """Put a text between `<!-- name -->` and `<!-- /name -->`, which the page must have."""
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    content, count = re.subn(
        f"{start}.*{end}",
        lambda _: f"{start}\n\n{text.strip()}\n\n{end}",
        page.read_text("utf-8"),
        flags=re.DOTALL,
    )
    if count != 1:
        raise ValueError(f"{page} must have {start} and {end} once, to be filled; found {count}")
    page.write_text(content, "utf-8")


def told_table(rows: Sequence[Sequence[str]], title: str = "") -> str:
    """Print a table, its head first, and return it as Markdown."""
    table = Table(*rows[0], title=title)
    for row in rows[1:]:
        table.add_row(*row)
    Console(width=200).print(table)
    lines = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
