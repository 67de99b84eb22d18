"""Draw the panels of a Grafana dashboard, each where Grafana shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from facedetect.evaluation.svg import save_svg
from website.prometheus import Series

Lines = list[tuple[str, Series]]
Panel = dict[str, Any]

COLUMNS = 24  # Grafana's
UNIT_INCHES = (0.5, 0.26)  # a column's width, a row's height
# Columns and rows that a panel has beside its graph.
LEFT, RIGHT, TOP, BOTTOM = 1.5, 0.5, 1.6, 0.9
GREY = "#707070"

# A unit's name, and how many of the metric's are one; Grafana's names for them.
UNITS = {
    "none": ("", 1.0),
    "reqps": (" req/s", 1.0),
    "cps": (" /s", 1.0),
    "s": (" s", 1.0),
    "µs": (" ms", 1e3),
    "percentunit": (" %", 1e-2),
    "bytes": (" MiB", 2.0**20),
}


def draw_dashboard(path: Path, panels: Sequence[Panel], shown: Mapping[int, Lines]) -> None:
    """Write all panels as one SVG file; `shown` has the lines of each, by its id."""
    rows = max(int(panel["gridPos"]["y"] + panel["gridPos"]["h"]) for panel in panels)
    figure = Figure(figsize=(COLUMNS * UNIT_INCHES[0], rows * UNIT_INCHES[1]))
    times = [at for lines in shown.values() for _, series in lines for at in series.times]
    for panel in panels:
        if panel["type"] == "row":
            y = 1 - (panel["gridPos"]["y"] + 0.8) / rows
            figure.text(0.005, y, panel["title"], fontsize=12, fontweight="bold")
        else:
            axes = add_axes(figure, panel, rows)
            draw_panel(axes, panel, shown[panel["id"]], (min(times), max(times)))
    save_svg(figure, path)


def add_axes(figure: Figure, panel: Panel, rows: int) -> Axes:
    x, y, w, h = (panel["gridPos"][side] for side in "xywh")
    axes = figure.add_axes(
        (
            (x + LEFT) / COLUMNS,
            1 - (y + h - BOTTOM) / rows,
            (w - LEFT - RIGHT) / COLUMNS,
            (h - TOP - BOTTOM) / rows,
        )
    )
    axes.set_title(panel["title"], fontsize=9, loc="left")
    return axes


def draw_panel(axes: Axes, panel: Panel, lines: Lines, period: tuple[float, float]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    unit, one = UNITS[defaults["unit"]]
    if not lines:
        write(axes, "No data", 9)
    elif panel["type"] == "stat":
        write(axes, f"{lines[0][1].values[-1] / one:.3g}{unit}", 15)
    elif panel["type"] == "table":
        write(axes, "\n".join(name for name, _ in lines), 9)
    else:
        is_stacked = "stacking" in defaults.get("custom", {})
        draw_lines(axes, lines, one, period[0], is_stacked=is_stacked)
        axes.set_xlim(0, (period[1] - period[0]) / 60)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}{unit}"))


def write(axes: Axes, text: str, size: int) -> None:
    axes.set_axis_off()
    axes.text(0, 0.5, text, fontsize=size, va="center", transform=axes.transAxes)


def draw_lines(axes: Axes, lines: Lines, one: float, begin: float, *, is_stacked: bool) -> None:
    """Draw over the minutes since `begin`."""
    below: dict[float, float] = {}
    for name, series in lines:
        minutes = [(at - begin) / 60 for at in series.times]
        values = [value / one for value in series.values]
        if is_stacked:
            base = [below.get(at, 0) for at in series.times]
            values = [a + b for a, b in zip(values, base, strict=True)]
            axes.fill_between(minutes, base, values, alpha=0.3)
            below |= dict(zip(series.times, values, strict=True))
        axes.plot(minutes, values, linewidth=1, label=name)
    axes.set_ylim(0, 1.4 * axes.dataLim.y1 or 1)  # the legend is above the lines
    axes.xaxis.set_major_formatter(FuncFormatter(lambda minutes, _: f"{minutes:g} min"))
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=7, colors=GREY)
    axes.legend(fontsize=6, frameon=False, loc="upper left", ncols=2)
