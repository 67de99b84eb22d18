from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from facedetect.arrays import Float64Array
from facedetect.evaluation.svg import save_svg


def figure_of(x: Float64Array, y: Float64Array, marker: str = "") -> Figure:
    figure = Figure(figsize=(4, 3))
    figure.subplots().plot(x, y, label="a <curve> of 1.2345", marker=marker)
    figure.axes[0].legend()
    return figure


def steps(count: int) -> tuple[Float64Array, Float64Array]:
    """A falling staircase with teeth, as precision over recall."""
    x = np.linspace(0, 1, count)
    return x, 1 - x**4 + 0.02 * np.random.default_rng(1).random(count)


def test_the_same_figure_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one.svg", "other.svg"):
        save_svg(figure_of(*steps(2000)), tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "other.svg").read_bytes()


def test_curves_are_thinned_and_markers_are_not(tmp_path: Path) -> None:
    save_svg(figure_of(*steps(10_000)), tmp_path / "curve.svg")
    longest = max(re.findall(r' d="([^"]*)"', (tmp_path / "curve.svg").read_text()), key=len)
    assert 100 < len(longest.split()) / 2 < 0.2 * 10_000
    x = np.linspace(0, 1, 50)
    save_svg(figure_of(x, x, "o"), tmp_path / "markers.svg")
    assert (tmp_path / "markers.svg").read_text().count("<use") >= 50


def test_text_is_text_and_numbers_in_it_stay(tmp_path: Path) -> None:
    save_svg(figure_of(np.zeros(0), np.zeros(0)), tmp_path / "plot.svg")
    svg = (tmp_path / "plot.svg").read_text("utf-8")
    assert "a &lt;curve&gt; of 1.2345</text>" in svg
    assert "sans-serif" in svg
    assert not re.search(r' (?:d|x|y)="[^"]*\.\d\d', svg)
