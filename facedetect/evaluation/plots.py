"""Curves as SVG; the same figures give the same file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from facedetect.evaluation.extra import evaluation_extra
from facedetect.evaluation.truth import FloatArray
from facedetect.files import atomic_draft

_COLOURS = (
    "#3d7a3d",
    "#1f4e9c",
    "#c2571a",
    "#7b3fa0",
    "#b03060",
    "#808080",
    "#00868b",
    "#8b6914",
    "#000000",
    "#e3a300",
)
_STYLES = ("solid", "dashed", "dotted", "dashdot")


@dataclass(frozen=True, eq=False)
class Line:
    """A run's curve; `note` follows its name in the legend."""

    detector: str
    setting: str
    note: str
    x: FloatArray
    y: FloatArray


@dataclass(frozen=True)
class Frame:
    """What stands around the curves; an axis without limits ends where they do."""

    title: str
    x: str
    y: str
    x_limits: tuple[float, float] | None = None
    y_limits: tuple[float, float] | None = (0.0, 1.02)


def check_plots() -> None:
    """Raise InvalidSettings if what draws plots is not installed."""
    with evaluation_extra("drawing plots"):
        import matplotlib as mpl  # noqa: F401


def draw_lines(path: Path, frame: Frame, lines: Sequence[Line]) -> None:
    """Draw a colour for each detector and a style for each setting.

    Raises InvalidSettings without Matplotlib.
    """
    with evaluation_extra("drawing plots"):
        import matplotlib as mpl
        from matplotlib.figure import Figure

    detectors = list(dict.fromkeys(line.detector for line in lines))
    settings = list(dict.fromkeys(line.setting for line in lines))
    figure = Figure(figsize=(7, 5))
    axes = figure.subplots()
    for line in lines:
        axes.plot(
            line.x,
            line.y,
            label=f"{line.detector}, {line.setting}: {line.note}",
            color=_COLOURS[detectors.index(line.detector) % len(_COLOURS)],
            linestyle=_STYLES[settings.index(line.setting) % len(_STYLES)],
        )
    axes.set(xlabel=frame.x, ylabel=frame.y)
    axes.set_title(frame.title, parse_math=False)  # a subset's name may have dollars in it
    axes.set(xlim=frame.x_limits, ylim=frame.y_limits)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.3)
    # Beside the curves: of many runs it would cover them.
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    with mpl.rc_context({"svg.hashsalt": "facedetect"}), atomic_draft(path) as unfinished:
        figure.savefig(unfinished, format="svg", metadata={"Date": None}, bbox_inches="tight")
