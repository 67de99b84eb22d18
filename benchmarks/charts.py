"""The benchmarks' charts, as SVG files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from facedetect.evaluation.svg import save_svg

_GREEN = "#3d7a3d"
_GREY = "#b0b0b0"
_COLOURS = (_GREEN, "#8fbc8f", _GREY, "#808080", "#4d4d4d")


def draw_packages(path: Path, ratios: Mapping[str, float]) -> None:
    """Draw a bar per package: its time as a multiple of facedetect's."""
    figure = Figure(figsize=(8, 0.45 * len(ratios) + 1))
    (axes,) = _subplots(figure, 1)
    names = list(ratios)[::-1]
    colours = [_GREEN if name.startswith("facedetect") else _GREY for name in names]
    bars = axes.barh(names, [ratios[name] for name in names], color=colours)
    axes.bar_label(bars, fmt="%.1fx", padding=4)
    axes.set_xlabel("time, facedetect = 1 (geometric mean over all pictures; lower is better)")
    _save(figure, path)


def draw_services(
    path: Path,
    labels: Sequence[str],
    per_second: Mapping[str, Sequence[float]],
    memory_mb: Mapping[str, float],
) -> None:
    """Draw requests per second, a group of bars per label; memory, a bar per service."""
    figure = Figure(figsize=(11, 4))
    left, right = _subplots(figure, 2, width_ratios=[3, 1])
    places, width = np.arange(len(labels)), 0.8 / len(per_second)
    for number, (name, values) in enumerate(per_second.items()):
        at = places + (number - (len(per_second) - 1) / 2) * width
        left.bar(at, values, width, label=name, color=_COLOURS[number])
    left.set_xticks(places, labels, fontsize=8)
    left.set_ylabel("requests per second")
    left.legend(frameon=False, fontsize=8)
    colours = _COLOURS[: len(memory_mb)][::-1]
    right.barh(list(memory_mb)[::-1], list(memory_mb.values())[::-1], color=colours)
    right.set_xlabel("resident memory, MB,\n" + labels[-1].replace("\n", ", "))
    right.tick_params(axis="y", labelsize=8)
    _save(figure, path)


def draw_load(
    path: Path,
    offered: Sequence[float],
    series: Mapping[str, Mapping[str, Sequence[float]]],
    memory: Sequence[tuple[float, float]],
) -> None:
    """Draw a panel per group of series over the offered rate, and memory, MB, over time, s."""
    figure = Figure(figsize=(3.6 * (len(series) + 1), 3.2))
    panels = _subplots(figure, len(series) + 1)
    for axes, (unit, lines) in zip(panels, series.items(), strict=False):
        for number, (name, values) in enumerate(lines.items()):
            axes.plot(offered, values, marker="o", label=name, color=_COLOURS[2 * number])
        axes.set_xlabel("offered requests per second")
        axes.set_ylabel(unit)
        axes.set_ylim(bottom=0)
        axes.legend(frameon=False, fontsize=8)
    seconds, megabytes = zip(*memory, strict=True)
    _draw_memory(panels[-1], seconds, megabytes, "seconds")
    _save(figure, path)


def draw_memory(path: Path, memory_mb: Sequence[float], x_label: str) -> None:
    """Draw memory after each picture or request."""
    figure = Figure(figsize=(8, 3))
    (axes,) = _subplots(figure, 1)
    _draw_memory(axes, range(len(memory_mb)), memory_mb, x_label)
    _save(figure, path)


def _draw_memory(axes: Axes, x: Sequence[float], memory_mb: Sequence[float], x_label: str) -> None:
    axes.plot(x, memory_mb, color=_GREEN)
    axes.set_ylim(bottom=0)
    axes.set_xlabel(x_label)
    axes.set_ylabel("resident memory, MB")


def _subplots(
    figure: Figure, columns: int, width_ratios: Sequence[float] | None = None
) -> list[Axes]:
    panels = figure.subplots(1, columns, squeeze=False, width_ratios=width_ratios)
    for axes in panels[0]:
        axes.spines[["top", "right"]].set_visible(False)
    return list(panels[0])


def _save(figure: Figure, path: Path) -> None:
    figure.tight_layout()
    save_svg(figure, path)
