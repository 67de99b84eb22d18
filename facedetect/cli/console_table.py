"""Tables on standard output."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from facedetect.cli.formatting import printable

_MAX_WIDTH = 1000  # columns when the output is not a terminal: no table is wider


def print_table(
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    title: str | None = None,
    justify: Literal["left", "right"] = "left",
) -> None:
    """Print a table; its texts may come from anybody."""
    shown_title = None if title is None else Text(printable(title))
    table = Table(title=shown_title, title_justify="left")
    for name in header:
        table.add_column(Text(printable(name)), overflow="fold", justify=justify)
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    console = Console()
    if not console.is_terminal:
        console.width = _MAX_WIDTH
    console.print(table)
