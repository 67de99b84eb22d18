"""Draw line plots as SVG files; equal figures give equal bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from facedetect.arrays import Float64Array
from facedetect.evaluation.svg import save_svg
from facedetect.extras import requires_extra

_STYLES = ("solid", "dashed", "dotted", "dashdot")


@dataclass(frozen=True, eq=False)
class PlotCurve:
    """A run's curve; the legend shows `note` after its name."""

    detector: str
    setting: str
    note: str
    x: Float64Array
    y: Float64Array


@dataclass(frozen=True)
class PlotAxes:
    """Title, labels and limits of a plot; None fits the axis to its curves."""

    title: str
    x_label: str
    y_label: str
    x_limits: tuple[float, float] | None = None
    y_limits: tuple[float, float] | None = (0.0, 1.02)


def require_matplotlib() -> None:
    """Raise InvalidSettings if Matplotlib is not installed."""
    with requires_extra("drawing plots", "evaluate"):
        import matplotlib as mpl  # noqa: F401


def draw_plot(path: Path, plot: PlotAxes, curves: Sequence[PlotCurve]) -> None:
    """Draw curves with a colour per detector and a line style per setting.

    Raises InvalidSettings if Matplotlib is not installed.
    """
    require_matplotlib()
    from matplotlib.figure import Figure

    detectors = list(dict.fromkeys(curve.detector for curve in curves))
    settings = list(dict.fromkeys(curve.setting for curve in curves))
    figure = Figure(figsize=(7, 5))
    axes = figure.subplots()
    for curve in curves:
        axes.plot(
            curve.x,
            curve.y,
            label=f"{curve.detector}, {curve.setting}: {curve.note}",
            color=f"C{detectors.index(curve.detector)}",
            linestyle=_STYLES[settings.index(curve.setting) % len(_STYLES)],
        )
    axes.set(xlabel=plot.x_label, ylabel=plot.y_label)
    axes.set_title(plot.title, parse_math=False)  # subset names may contain dollar signs
    axes.set(xlim=plot.x_limits, ylim=plot.y_limits)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.3)
    # Outside the axes: a legend of many runs would cover the curves.
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    save_svg(figure, path)
