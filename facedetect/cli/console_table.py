"""Plain-text tables on standard output, identical on a terminal and in a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import typer
from rich.cells import cell_len

from facedetect.formatting import printable

_BETWEEN = "  "


def print_table(
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    title: str | None = None,
    justify: Literal["left", "right"] = "left",
) -> None:
    """Print aligned columns, never truncated; cells may hold untrusted text."""
    lines = [[printable(cell) for cell in line] for line in (header, *rows)]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    if title is not None:
        typer.echo(printable(title))
    for line in lines:
        cells = (_padded(cell, width, justify) for cell, width in zip(line, widths, strict=True))
        typer.echo(_BETWEEN.join(cells).rstrip())


def _padded(cell: str, width: int, justify: str) -> str:
    space = " " * (width - cell_len(cell))
    return cell + space if justify == "left" else space + cell
