"""Write Matplotlib figures as small SVG files; equal figures give equal bytes."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

from facedetect.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COORDINATES = re.compile(r' (?:d|x|y|width|height|viewBox|transform)="[^"]*"')
_TOLERANCE_PT = 0.5
_NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}


def save_svg(figure: Figure, path: Path) -> None:
    """Write a figure, cropped to its contents.

    Omits points closer than half a point, a third of a line's width, to a straight line.
    Coordinates are rounded to tenths of a point.
    """
    import matplotlib as mpl

    drawn = io.StringIO()
    style = mpl.rc_context(
        {
            "path.simplify_threshold": _TOLERANCE_PT,
            "svg.hashsalt": "facedetect",  # the same ids each time
            "svg.fonttype": "none",  # text as text: glyphs as paths would be most of the file
            "font.sans-serif": ["DejaVu Sans"],  # browsers without it use their own sans-serif
        }
    )
    with style:
        for line in [line for axes in figure.axes for line in axes.lines]:
            line.recache(always=True)  # applies the threshold to its path
        figure.savefig(drawn, format="svg", metadata=_NO_METADATA, bbox_inches="tight")
    write_atomically(path, _COORDINATES.sub(_shorten, drawn.getvalue()).encode())


def _shorten(attribute: re.Match[str]) -> str:
    """Return an attribute with fewer decimals, and a single `L` for all points of a path."""
    rounded = re.sub(r"\d+\.\d{2,}", lambda number: f"{float(number[0]):.1f}", attribute[0])
    return rounded.replace(" \nL ", " ")
