"""Write Matplotlib figures as small SVG files; the same figure gives the same bytes."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from facedetect.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

_POINTS_PER_INCH = 72
_COORDINATES = re.compile(r' (?:d|x|y|width|height|viewBox|transform)="[^"]*"')
_NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}


def save_svg(figure: Figure, path: Path, *, tolerance_pt: float = 0.4) -> None:
    """Write a figure, cropped to what is drawn. Thins its curves in place.

    Curves move by about `tolerance_pt` at most, by default a quarter of a line's width (Douglas and
    Peucker 1973); lines with markers keep all points. Coordinates have tenths of a point.
    """
    import matplotlib as mpl

    figure.draw_without_rendering()  # settles the axes' limits
    for axes in figure.axes:
        for line in axes.lines:
            _thin(line, tolerance_pt * figure.dpi / _POINTS_PER_INCH)
    drawn = io.StringIO()
    style = mpl.rc_context(
        {
            "svg.hashsalt": "facedetect",  # the same ids each time
            "svg.fonttype": "none",  # text as text: glyphs as paths would be most of the file
            "font.sans-serif": ["DejaVu Sans"],  # browsers without it use their own sans-serif
        }
    )
    with style:
        figure.savefig(drawn, format="svg", metadata=_NO_METADATA, bbox_inches="tight")
    write_atomically(path, _COORDINATES.sub(_shorten, drawn.getvalue()).encode())


def _thin(line: Line2D, tolerance_px: float) -> None:
    points_px = line.get_transform().transform(line.get_xydata())
    is_bare = line.get_marker() in ("", "None", None)
    if not is_bare or len(points_px) < 3 or not np.isfinite(points_px).all():  # noqa: PLR2004
        return
    kept_px = cv2.approxPolyDP(points_px[:, None].astype(np.float32), tolerance_px, closed=False)
    to_data = line.get_transform().inverted()
    line.set_data(*to_data.transform(kept_px[:, 0].astype(np.float64)).T)


def _shorten(attribute: re.Match[str]) -> str:
    """An attribute with fewer decimals, and one `L` for all points of a path."""
    rounded = re.sub(r"\d+\.\d{2,}", lambda number: f"{float(number[0]):.1f}", attribute[0])
    return rounded.replace(" \nL ", " ")
