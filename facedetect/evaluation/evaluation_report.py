"""Write an evaluation's output files: results as JSON and Markdown, and plots."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from facedetect.arrays import Float64Array
from facedetect.evaluation.evaluation_results import Evaluation, RunScores
from facedetect.evaluation.landmark_errors import FAILURE_PERCENT
from facedetect.evaluation.plots import PlotAxes, PlotCurve, draw_plot
from facedetect.evaluation.result_tables import result_tables
from facedetect.evaluation.results_json import results_to_json
from facedetect.files import write_atomically

_NOT_IN_FILE_NAMES = re.compile(r"[^\w.+-]")
_MAX_PLOTTED_ERROR = 2.5 * FAILURE_PERCENT
_LANDMARK_AXES = PlotAxes(
    "Landmarks",
    "mean error of a face, % of the distance between the eyes",
    "share of all labelled faces",
    (0.0, _MAX_PLOTTED_ERROR),
)


def write_report(evaluation: Evaluation, output: Path) -> list[Path]:
    """Write results.json, results.md and the plots into `output`; returns their paths.

    Raises InvalidSettings if Matplotlib is not installed.
    """
    results = output / "results.json", output / "results.md"
    content = json.dumps(results_to_json(evaluation), allow_nan=False) + "\n"
    write_atomically(results[0], content.encode())
    sections = (
        f"## {table.title}\n\n{table.to_markdown()}\n" for table in result_tables(evaluation)
    )
    write_atomically(results[1], "\n".join(sections).encode())
    return [*results, *draw_plots(evaluation, output)]


def draw_plots(evaluation: Evaluation, output: Path, prefix: str = "") -> list[Path]:
    """Draw every plot that has curves as an SVG file; returns the paths."""
    written = []
    for name, axes, curves in plots_of(evaluation):
        if curves:
            path = output / f"{prefix}{_NOT_IN_FILE_NAMES.sub('_', name)}.svg"
            draw_plot(path, axes, curves)
            written.append(path)
    return written


def plots_of(evaluation: Evaluation) -> Iterator[tuple[str, PlotAxes, list[PlotCurve]]]:
    """Yield each plot's name, axes and curves."""
    for subset in evaluation.dataset.subsets:
        axes = PlotAxes(f"Precision and recall, {subset}", "recall", "precision", (0.0, 1.0))
        yield f"precision-recall-{subset}", axes, _precision_curves(evaluation, subset)
    yield "landmark-errors", _LANDMARK_AXES, _landmark_curves(evaluation)


def _precision_curves(evaluation: Evaluation, subset: str) -> list[PlotCurve]:
    curves = ((scores, scores.curves.get(subset)) for scores in evaluation.scores)
    return [
        _curve(scores, f"AP {curve.average_precision:.3f}", curve.recall, curve.precision)
        for scores, curve in curves
        if curve is not None
    ]


def _landmark_curves(evaluation: Evaluation) -> list[PlotCurve]:
    curves = []
    for scores in evaluation.scores:
        if scores.landmarks is not None and scores.landmarks.detected:
            errors, shares = scores.landmarks.cumulative()
            end = max(_MAX_PLOTTED_ERROR, errors[-1])
            note = f"mean {scores.landmarks.mean:.2f} %"
            x, y = np.r_[errors[0], errors, end], np.r_[0.0, shares, shares[-1]]
            curves.append(_curve(scores, note, x, y))
    return curves


def _curve(scores: RunScores, note: str, x: Float64Array, y: Float64Array) -> PlotCurve:
    return PlotCurve(scores.run.detector, scores.run.setting, note, x, y)
