"""The files that an evaluation leaves: JSON for programs, tables and plots for people."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from facedetect.evaluation.landmarks import FAILURE
from facedetect.evaluation.plots import Frame, Line, draw_lines
from facedetect.evaluation.results import Evaluation, Scores, to_json
from facedetect.evaluation.tables import tables
from facedetect.evaluation.truth import FloatArray
from facedetect.files import write_atomically

_UNFIT = re.compile(r"[^\w.+-]")  # in a file name
_SHOWN_ERROR = 2.5 * FAILURE


def write_report(evaluation: Evaluation, output: Path) -> list[Path]:
    """Write results.json, results.md and the plots into `output`; returns their paths.

    Raises InvalidSettings without Matplotlib.
    """
    written = [output / "results.json", output / "results.md"]
    text = json.dumps(to_json(evaluation), allow_nan=False) + "\n"
    write_atomically(written[0], text.encode())
    pieces = (f"## {table.title}\n\n{table.to_markdown()}\n" for table in tables(evaluation))
    write_atomically(written[1], "\n".join(pieces).encode())
    return written + draw_plots(evaluation, output)


def draw_plots(evaluation: Evaluation, output: Path, prefix: str = "") -> list[Path]:
    """Draw what the protocol has curves for; returns the paths of the SVG files."""
    written = []
    for name, frame, lines in plots_of(evaluation):
        if lines:
            path = output / f"{prefix}{_UNFIT.sub('_', name)}.svg"
            draw_lines(path, frame, lines)
            written.append(path)
    return written


def plots_of(evaluation: Evaluation) -> Iterator[tuple[str, Frame, list[Line]]]:
    """Each plot's name, what stands around the curves, and the curves, if there are any."""
    for subset in evaluation.truth.subsets:
        frame = Frame(f"Precision and recall, {subset}", "recall", "precision", (0.0, 1.0))
        yield f"precision-recall-{subset}", frame, _precision_lines(evaluation, subset)
    frame = Frame(
        "Landmarks",
        "mean error of a face, % of the distance between the eyes",
        "share of all labelled faces",
        (0.0, _SHOWN_ERROR),
    )
    yield "landmark-errors", frame, _landmark_lines(evaluation)


def _precision_lines(evaluation: Evaluation, subset: str) -> list[Line]:
    curves = ((scores, scores.curves.get(subset)) for scores in evaluation.scores)
    return [
        _line(scores, f"AP {curve.average_precision:.3f}", curve.recall, curve.precision)
        for scores, curve in curves
        if curve is not None
    ]


def _landmark_lines(evaluation: Evaluation) -> list[Line]:
    lines = []
    for scores in evaluation.scores:
        if scores.landmarks is not None and scores.landmarks.found:
            errors, shares = scores.landmarks.cumulative()
            edge = max(_SHOWN_ERROR, errors[-1])
            note = f"mean {scores.landmarks.mean:.2f} %"
            x, y = np.r_[errors[0], errors, edge], np.r_[0.0, shares, shares[-1]]
            lines.append(_line(scores, note, x, y))
    return lines


def _line(scores: Scores, note: str, x: FloatArray, y: FloatArray) -> Line:
    return Line(scores.run.detector, scores.run.setting, note, x, y)
