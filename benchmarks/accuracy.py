"""Accuracy of our geometries, the published graph and other packages: scripts/bench accuracy.

Fills the sections of docs/accuracy.md, and writes docs/accuracy.json and the plots beside it. The
labelled pictures do not come with the project; what was answered is kept, so that the same command
goes on where it was ended.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from threading import Event
from typing import Any

from rich.console import Console

from benchmarks import accuracy_sweep, accuracy_times
from benchmarks.accuracy_models import (
    ACCURATE,
    build_models,
    opened_detectors,
    subjects,
    with_other_boxes,
)
from benchmarks.detectors import NOT_SET
from benchmarks.environments import PACKAGES
from benchmarks.pages import told_table, write_section
from facedetect.cli.evaluation_progress import shown_evaluation
from facedetect.evaluation.datasets import open_truth
from facedetect.evaluation.plots import Frame, draw_lines
from facedetect.evaluation.report import draw_plots
from facedetect.evaluation.results import Evaluation, conclude, score_run, to_json
from facedetect.evaluation.runs import KNOWN_SETTINGS, Run, evaluate
from facedetect.evaluation.subjects import Subject
from facedetect.evaluation.tables import (
    Table,
    comparison_table,
    error_table,
    landmark_comparison_table,
    landmark_table,
    precision_table,
)
from facedetect.evaluation.truth import Truth
from facedetect.faces import DetectionParams

FALSE_ALARMS = (50, 150, 500)

_DEFAULTS = "defaults"
_TIMEOUT_S = 600.0
_FOLDERS = re.compile(r"(?:/[\w.@+ -]+)+/")


class Report:
    """Figures and pages, kept as each part is done: parts may be measured on different days."""

    def __init__(self, output: Path) -> None:
        self.output = output
        self.figures = output.with_suffix(".json")

    def keep(self, part: str, figures: object) -> None:
        parts = json.loads(self.figures.read_text()) if self.figures.exists() else {}
        parts[part] = figures
        self.figures.write_text(json.dumps(parts, indent=1, allow_nan=False) + "\n")

    def write(self, section: str, *pieces: str) -> None:
        text = "\n\n".join(piece for piece in pieces if piece)
        write_section(self.output.with_suffix(".md"), section, text)

    def plots(self, paths: Sequence[Path]) -> str:
        return "\n".join(f"![{path.stem}]({path.name})" for path in paths)

    @property
    def prefix(self) -> str:
        return f"{self.output.name}-"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wider", type=Path, help="pictures with boxes, as evaluate takes them")
    parser.add_argument("--aflw", type=Path, help="crops with landmarks that count from 1")
    parser.add_argument("--reference", type=Path, help="the published tf-mtcnn frozen graph")
    parser.add_argument("--caffe", type=Path, help="the author's det1 to det4.caffemodel")
    parser.add_argument("--rivals", nargs="*", default=list(PACKAGES), choices=list(PACKAGES))
    parser.add_argument("--parts", nargs="*", default=list(PARTS), choices=list(PARTS))
    parser.add_argument("--bootstrap", type=int, default=2000, help="rounds for the intervals")
    parser.add_argument("--pictures", type=int, default=30, help="to time")
    parser.add_argument("--rounds", type=int, default=7, help="times of each picture")
    parser.add_argument("--kept", type=Path, default=Path(".bench/accuracy"), help="for answers")
    parser.add_argument("--output", type=Path, default=Path("docs/accuracy"))
    arguments = parser.parse_args()
    if not (arguments.wider or arguments.aflw):
        parser.error("there is nothing to measure on; give --wider, --aflw or both")
    models = build_models(arguments.kept / "models", arguments.reference, arguments.caffe)
    report = Report(arguments.output)
    for part in arguments.parts:
        labels = arguments.aflw if part == "landmarks" else arguments.wider
        if labels is not None:
            truth = open_truth(_file(labels), one_based=part == "landmarks")
            PARTS[part](truth, models, arguments, report)


def measure_precision(
    truth: Truth, models: Mapping[str, Path], arguments: argparse.Namespace, report: Report
) -> None:
    """Average precision of everything at both settings."""
    opened = subjects(with_other_boxes(models), arguments.rivals, _TIMEOUT_S)
    runs = _runs(truth, opened, KNOWN_SETTINGS, arguments.kept / "wider")
    evaluation = _concluded(truth, runs, arguments.bootstrap)
    report.keep("precision", public_figures(evaluation))
    plots = draw_plots(evaluation, report.output.parent, report.prefix)
    notes = [f"{name}: {words}." for name, words in NOT_SET.items() if name in arguments.rivals]
    report.write(
        "precision",
        _told(precision_table(evaluation)),
        *notes,
        _told(_without_paths(error_table(evaluation))),
        report.plots(plots),
        f"[All figures]({report.figures.name})",
    )
    report.write("differences", _told(comparison_table(evaluation)))
    equal = equal_table(evaluation)
    report.keep("recall_at_false_alarms", [list(row) for row in equal.rows])
    report.write("equal", _told(equal))


def measure_sweep(
    truth: Truth, models: Mapping[str, Path], arguments: argparse.Namespace, report: Report
) -> None:
    """Precision and recall against min_size and thresholds."""
    opened = subjects({ACCURATE: models[ACCURATE]}, [], _TIMEOUT_S)
    runs = _runs(truth, opened, accuracy_sweep.settings(), arguments.kept / "sweep")
    found = accuracy_sweep.choices(truth, runs)
    subset = truth.subsets[-1]
    report.keep("thresholds", {"model": ACCURATE, "choices": accuracy_sweep.to_json(found)})
    frame = Frame(
        f"Thresholds, {subset}, {ACCURATE}", "false alarms a picture", f"recall, {subset}"
    )
    plot = report.output.with_name(f"{report.prefix}thresholds.svg")
    draw_lines(plot, frame, accuracy_sweep.lines(found, subset))
    table = told_table(accuracy_sweep.rows(found, truth.subsets), f"Thresholds, {ACCURATE}")
    report.write("thresholds", table, report.plots([plot]))


def measure_landmarks(
    truth: Truth, models: Mapping[str, Path], arguments: argparse.Namespace, report: Report
) -> None:
    """Landmark errors of everything, with the fourth net, too."""
    opened = subjects(dict(models), arguments.rivals, _TIMEOUT_S)
    settings = {_DEFAULTS: KNOWN_SETTINGS[_DEFAULTS]}
    runs = _runs(truth, opened, settings, arguments.kept / "aflw")
    evaluation = _concluded(truth, runs, arguments.bootstrap)
    report.keep("landmarks", public_figures(evaluation))
    plots = draw_plots(evaluation, report.output.parent, report.prefix)
    report.write(
        "landmarks",
        _told(landmark_table(evaluation)),
        _told(landmark_comparison_table(evaluation)),
        report.plots(plots),
    )


def measure_times(
    truth: Truth, models: Mapping[str, Path], arguments: argparse.Namespace, report: Report
) -> None:
    """Times of our models beside the reference's."""
    with opened_detectors(models) as detectors:
        times = accuracy_times.measure_times(
            detectors, KNOWN_SETTINGS, truth, arguments.pictures, arguments.rounds
        )
    report.keep("times", [asdict(row) for row in times])
    report.write("times", told_table(accuracy_times.rows(times), "Times"))


Part = Callable[[Truth, Mapping[str, Path], argparse.Namespace, Report], None]
PARTS: dict[str, Part] = {
    "precision": measure_precision,
    "sweep": measure_sweep,
    "landmarks": measure_landmarks,
    "times": measure_times,
}


def _runs(
    truth: Truth,
    opened: Sequence[Subject],
    settings: Mapping[str, DetectionParams],
    kept: Path,
) -> list[Run]:
    """Packages that fail on a picture fail again, and some take a minute to do so."""
    with shown_evaluation(Console(stderr=True), Event(), quiet=False) as progress:
        return list(evaluate(truth, opened, settings, kept, progress=progress, repeat_errors=False))


def _concluded(truth: Truth, runs: Sequence[Run], rounds: int) -> Evaluation:
    return conclude(truth, [score_run(truth, run) for run in runs], rounds=rounds)


def equal_table(evaluation: Evaluation) -> Table:
    """Recall at as many false alarms as the reference has at the defaults, and at fixed numbers."""
    own = {
        subset: curve.operating_point.false_alarms
        for subset, curve in evaluation.scores[0].curves.items()
    }
    rows = [
        (
            scores.run.detector,
            scores.run.setting,
            subset,
            *(f"{curve.recall_at(n):.3f}" for n in (own[subset], *FALSE_ALARMS)),
        )
        for subset in own
        for scores in evaluation.scores
        for curve in [scores.curves[subset]]
    ]
    numbers = f"at the reference's {'/'.join(map(str, own.values()))}"
    head = ("detector", "setting", "subset", numbers, *(f"at {n}" for n in FALSE_ALARMS))
    return Table("Recall at numbers of false alarms", (head, *rows))


def public_figures(evaluation: Evaluation) -> dict[str, Any]:
    """All figures but the curves, and nothing of where this machine has its files."""
    figures = to_json(evaluation, with_curves=False)
    for run in figures["runs"]:
        del run["identity"]
        run["errors"] = Counter(_FOLDERS.sub("", error) for error in run["errors"].values())
    return figures


def _without_paths(table: Table) -> Table:
    rows = tuple(tuple(_FOLDERS.sub("", cell) for cell in row) for row in table.rows)
    return Table(table.title, rows)


def _told(table: Table) -> str:
    return told_table(table.rows, table.title) if len(table.rows) > 1 else ""


def _file(labels: Path) -> Path:
    """The rows beside the pictures, if that is how they are labelled."""
    rows = labels / "gt.json"
    return rows if rows.is_file() else labels


if __name__ == "__main__":
    main()
