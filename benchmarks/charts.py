"""Charts of services under load, as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "facedetect"  # the same figures give the same file

_COLOURS = ("#3d7a3d", "#8fbc8f", "#b0b0b0", "#808080", "#4d4d4d")


def draw_services(
    path: Path,
    labels: Sequence[str],
    per_second: Mapping[str, Sequence[float]],
    memory_mb: Mapping[str, float],
) -> None:
    """Requests a second, a group of bars for each label; memory, a bar for each service."""
    figure, (left, right) = _panels(1, 2, figsize=(11, 4), width_ratios=[3, 1])
    places, width = np.arange(len(labels)), 0.8 / len(per_second)
    for number, (name, values) in enumerate(per_second.items()):
        at = places + (number - (len(per_second) - 1) / 2) * width
        left.bar(at, values, width, label=name, color=_COLOURS[number])
    left.set_xticks(places, labels, fontsize=8)
    left.set_ylabel("requests a second")
    left.legend(frameon=False, fontsize=8)
    right.barh(list(memory_mb)[::-1], list(memory_mb.values())[::-1], color=_COLOURS[0])
    right.set_xlabel("resident memory, MB,\n" + labels[-1].replace("\n", ", "))
    right.tick_params(axis="y", labelsize=8)
    _save(figure, path)


def draw_load(
    path: Path,
    offered: Sequence[float],
    series: Mapping[str, Mapping[str, Sequence[float]]],
    memory: Sequence[tuple[float, float]],
) -> None:
    """Against the offered load a panel for each group of series; memory, MB, over time, s."""
    figure, panels = _panels(1, len(series) + 1, figsize=(3.6 * (len(series) + 1), 3.2))
    for axes, (unit, lines) in zip(panels, series.items(), strict=False):
        for number, (name, values) in enumerate(lines.items()):
            axes.plot(offered, values, marker="o", label=name, color=_COLOURS[2 * number])
        axes.set_xlabel("requests offered a second")
        axes.set_ylabel(unit)
        axes.set_ylim(bottom=0)
        axes.legend(frameon=False, fontsize=8)
    panels[-1].plot(*zip(*memory, strict=True), color=_COLOURS[0])
    panels[-1].set_xlabel("seconds")
    panels[-1].set_ylabel("resident memory, MB")
    panels[-1].set_ylim(bottom=0)
    _save(figure, path)


def _panels(rows: int, columns: int, **options: Any) -> tuple[Any, Any]:
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(rows, columns, **options)
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
    return figure, panels


def _save(figure: Any, path: Path) -> None:
    import matplotlib.pyplot as plt

    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
