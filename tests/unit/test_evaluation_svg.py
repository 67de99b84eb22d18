from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from facedetect.evaluation.svg import save_svg

FloatArray = NDArray[np.float64]


def figure_of(x: FloatArray, y: FloatArray, marker: str = "") -> Figure:
    figure = Figure(figsize=(4, 3))
    figure.subplots().plot(x, y, label="a <curve> of 1.2345", marker=marker)
    figure.axes[0].legend()
    return figure


def steps(count: int) -> tuple[FloatArray, FloatArray]:
    """A falling staircase with teeth, as precision over recall."""
    x = np.linspace(0, 1, count)
    return x, 1 - x**4 + 0.02 * np.random.default_rng(1).random(count)


def largest_distance(points: FloatArray, line: FloatArray) -> float:
    """From any of the points to the polyline."""
    starts, steps_xy = line[:-1], np.diff(line, axis=0)
    offsets = points[:, None] - starts
    along = (offsets * steps_xy).sum(axis=2) / (steps_xy**2).sum(axis=1)
    nearest = starts + along.clip(0, 1)[..., None] * steps_xy
    return float(np.linalg.norm(nearest - points[:, None], axis=2).min(axis=1).max())


def test_the_same_figure_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one.svg", "other.svg"):
        save_svg(figure_of(*steps(2000)), tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "other.svg").read_bytes()


def test_curves_are_thinned_but_hardly_move(tmp_path: Path) -> None:
    figure = figure_of(*steps(10_000))
    (line,) = figure.axes[0].lines
    figure.draw_without_rendering()
    to_pt = line.get_transform().transform
    before = to_pt(line.get_xydata()) * 72 / figure.dpi
    save_svg(figure, tmp_path / "plot.svg")
    after = to_pt(line.get_xydata()) * 72 / figure.dpi
    assert len(after) < 0.2 * len(before)
    assert largest_distance(before, after) < 0.6
    for axis in (0, 1):
        assert abs(before[:, axis].min() - after[:, axis].min()) < 0.6
        assert abs(before[:, axis].max() - after[:, axis].max()) < 0.6


def test_lines_with_markers_keep_their_points(tmp_path: Path) -> None:
    x = np.linspace(0, 1, 20)
    for marker, count in ("o", 20), ("", 2):
        figure = figure_of(x, x, marker)
        save_svg(figure, tmp_path / "plot.svg")
        assert np.shape(figure.axes[0].lines[0].get_xydata()) == (count, 2)


def test_text_is_text_and_numbers_in_it_stay(tmp_path: Path) -> None:
    save_svg(figure_of(np.zeros(0), np.zeros(0)), tmp_path / "plot.svg")
    svg = (tmp_path / "plot.svg").read_text("utf-8")
    assert "a &lt;curve&gt; of 1.2345</text>" in svg
    assert "sans-serif" in svg
    assert not re.search(r' (?:d|x|y)="[^"]*\.\d\d', svg)
