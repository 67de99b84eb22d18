"""Accuracy of our geometries, the published graph and other packages: scripts/bench accuracy.

Updates the sections of the pages about accuracy. The labelled images are not part of the project.
Detections are stored: run the same command again to resume.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import accuracy_sweep, accuracy_times
from benchmarks.accuracy_models import (
    ACCURATE,
    build_models,
    open_adapters,
    opened_detectors,
    with_other_boxes,
)
from benchmarks.arguments import add_choices, add_pages, bench_parser
from benchmarks.detectors import NOT_SET
from benchmarks.environments import PACKAGES
from benchmarks.pages import link_from, page_with, print_table, write_section
from facedetect.cli.progress_display import evaluation_progress
from facedetect.detection_params import DetectionParams
from facedetect.evaluation.dataset import Dataset
from facedetect.evaluation.datasets.open_dataset import open_dataset
from facedetect.evaluation.detector_adapters import DetectorAdapter
from facedetect.evaluation.evaluation_report import draw_plots
from facedetect.evaluation.evaluation_results import Evaluation, compare_runs, score_run
from facedetect.evaluation.evaluation_run import KNOWN_SETTINGS, EvaluationRun, evaluate
from facedetect.evaluation.plots import PlotAxes, draw_plot
from facedetect.evaluation.result_tables import (
    ResultTable,
    error_table,
    landmark_comparison_table,
    landmark_table,
    precision_comparison_table,
    precision_table,
)
from facedetect.evaluation.results_json import results_to_json

FALSE_POSITIVES = (50, 150, 500)
PAGES = ("accuracy.md", "accuracy-comparison.md", "thresholds.md")

_DEFAULTS = "defaults"
_TIMEOUT_S = 600.0
_FOLDERS = re.compile(r"(?:/[\w.@+ -]+)+/")


class Report:
    """The figures and the pages; each part replaces only its own, so parts can run separately."""

    def __init__(self, output: Path, pages: Sequence[Path]) -> None:
        self.output = output
        self.pages = pages
        self.figures = output.with_suffix(".json")

    def keep(self, part: str, figures: object) -> None:
        parts = json.loads(self.figures.read_text()) if self.figures.exists() else {}
        parts[part] = figures
        self.figures.write_text(json.dumps(parts, indent=1, allow_nan=False) + "\n")

    def write(self, section: str, *pieces: str) -> None:
        text = "\n\n".join(piece for piece in pieces if piece)
        write_section(page_with(self.pages, section), section, text)

    def link(self, section: str, name: str, path: Path) -> str:
        return f"[{name}]({link_from(page_with(self.pages, section), path)})"

    def plots(self, section: str, paths: Sequence[Path]) -> str:
        return "\n".join(f"!{self.link(section, path.stem, path)}" for path in paths)

    @property
    def prefix(self) -> str:
        return f"{self.output.name}-"


def main() -> None:
    parser = bench_parser("accuracy", __doc__, results=".json and plots")
    add_pages(parser, *PAGES)
    parser.add_argument("--wider", type=Path, help="images with boxes, in a format of evaluate")
    parser.add_argument("--aflw", type=Path, help="crops with landmarks, one-based")
    parser.add_argument("--reference", type=Path, help="the published tf-mtcnn frozen graph")
    parser.add_argument("--caffe", type=Path, help="the author's det1 to det4.caffemodel")
    add_choices(parser, "--rivals", PACKAGES, "what to compare with")
    add_choices(parser, "--parts", PARTS, "what to measure")
    parser.add_argument("--bootstrap", type=int, default=2000, help="bootstrap rounds")
    parser.add_argument("--pictures", type=int, default=30, help="images to time")
    parser.add_argument("--rounds", type=int, default=7, help="timings of each image")
    parser.add_argument(
        "--kept", type=Path, default=Path(".bench/accuracy"), help="folder for stored detections"
    )
    arguments = parser.parse_args()
    if not (arguments.wider or arguments.aflw):
        parser.error("nothing to measure; give --wider, --aflw or both")
    models = build_models(arguments.kept / "models", arguments.reference, arguments.caffe)
    report = Report(arguments.output, arguments.pages)
    for part in arguments.parts:
        labels = arguments.aflw if part == "landmarks" else arguments.wider
        if labels is not None:
            dataset = open_dataset(_label_file(labels), one_based=part == "landmarks")
            PARTS[part](dataset, models, arguments, report)


def measure_precision(
    dataset: Dataset, models: Mapping[str, Path], arguments: argparse.Namespace, report: Report
) -> None:
    """Measure the average precision of all detectors at both settings."""
    detectors = open_adapters(with_other_boxes(models), arguments.rivals, _TIMEOUT_S)
    runs = _run_all(dataset, detectors, KNOWN_SETTINGS, arguments.kept / "wider")
    evaluation = _compare(dataset, runs, arguments.bootstrap)
    report.keep("precision", public_figures(evaluation))
    plots = draw_plots(evaluation, report.output.parent, report.prefix)
    notes = [f"{name}: {words}." for name, words in NOT_SET.items() if name in arguments.rivals]
    report.write(
        "precision",
        _markdown(precision_table(evaluation)),
        *notes,
        _markdown(_without_paths(error_table(evaluation))),
        report.plots("precision", plots),
        report.link("precision", "All figures", report.figures),
    )
    report.write("differences", _markdown(precision_comparison_table(evaluation)))
    equal = equal_table(evaluation)
    report.keep("recall_at_false_positives", [list(row) for row in equal.rows])
    report.write("equal", _markdown(equal))


def measure_sweep(
    dataset: Dataset, models: Mapping[str, Path], arguments: argparse.Namespace, report: Report
) -> None:
    """Measure precision and recall against min_size and thresholds."""
    detectors = open_adapters({ACCURATE: models[ACCURATE]}, [], _TIMEOUT_S)
    runs = _run_all(dataset, detectors, accuracy_sweep.settings(), arguments.kept / "sweep")
    scored = accuracy_sweep.choices(dataset, runs)
    subset = dataset.subsets[-1]
    choices = accuracy_sweep.choices_to_json(scored)
    report.keep("thresholds", {"model": ACCURATE, "choices": choices})
    axes = PlotAxes(
        f"Thresholds, {subset}, {ACCURATE}", "false positives per image", f"recall, {subset}"
    )
    plot = report.output.with_name(f"{report.prefix}thresholds.svg")
    draw_plot(plot, axes, accuracy_sweep.curves(scored, subset))
    table = print_table(accuracy_sweep.rows(scored, dataset.subsets), f"Thresholds, {ACCURATE}")
    report.write("thresholds", table, report.plots("thresholds", [plot]))


def measure_landmarks(
    dataset: Dataset, models: Mapping[str, Path], arguments: argparse.Namespace, report: Report
) -> None:
    """Measure the landmark errors of all detectors, including the fourth net."""
    detectors = open_adapters(models, arguments.rivals, _TIMEOUT_S)
    settings = {_DEFAULTS: KNOWN_SETTINGS[_DEFAULTS]}
    runs = _run_all(dataset, detectors, settings, arguments.kept / "aflw")
    evaluation = _compare(dataset, runs, arguments.bootstrap)
    report.keep("landmarks", public_figures(evaluation))
    plots = draw_plots(evaluation, report.output.parent, report.prefix)
    report.write(
        "landmarks",
        _markdown(landmark_table(evaluation)),
        _markdown(landmark_comparison_table(evaluation)),
        report.plots("landmarks", plots),
    )


def measure_times(
    dataset: Dataset, models: Mapping[str, Path], arguments: argparse.Namespace, report: Report
) -> None:
    """Time our models relative to the reference."""
    with opened_detectors(models) as detectors:
        times = accuracy_times.measure_times(
            detectors, KNOWN_SETTINGS, dataset, arguments.pictures, arguments.rounds
        )
    report.keep("times", [asdict(row) for row in times])
    report.write("times", print_table(accuracy_times.rows(times), "Times"))


Part = Callable[[Dataset, Mapping[str, Path], argparse.Namespace, Report], None]
PARTS: dict[str, Part] = {
    "precision": measure_precision,
    "sweep": measure_sweep,
    "landmarks": measure_landmarks,
    "times": measure_times,
}


def _run_all(
    dataset: Dataset,
    detectors: Sequence[DetectorAdapter],
    settings: Mapping[str, DetectionParams],
    kept: Path,
) -> list[EvaluationRun]:
    """Run without retrying errors: a package fails on the same image again, after a minute."""
    with evaluation_progress(Console(stderr=True)) as show:
        runs = evaluate(dataset, detectors, settings, kept, on_progress=show, repeat_errors=False)
        return list(runs)


def _compare(dataset: Dataset, runs: Sequence[EvaluationRun], rounds: int) -> Evaluation:
    return compare_runs(dataset, [score_run(dataset, run) for run in runs], rounds=rounds)


def equal_table(evaluation: Evaluation) -> ResultTable:
    """Return recall at the reference's default number of false positives, and at fixed numbers."""
    own = {
        subset: curve.operating_point.false_positives
        for subset, curve in evaluation.scores[0].curves.items()
    }
    rows = [
        (
            scores.run.detector,
            scores.run.setting,
            subset,
            *(f"{curve.recall_at(n):.3f}" for n in (own[subset], *FALSE_POSITIVES)),
        )
        for subset in own
        for scores in evaluation.scores
        for curve in [scores.curves[subset]]
    ]
    numbers = f"at the reference's {'/'.join(map(str, own.values()))}"
    header = ("detector", "setting", "subset", numbers, *(f"at {n}" for n in FALSE_POSITIVES))
    return ResultTable("Recall at numbers of false positives", (header, *rows))


def public_figures(evaluation: Evaluation) -> dict[str, Any]:
    """Return all figures except the curves, without local paths."""
    figures = results_to_json(evaluation, with_curves=False)
    for run in figures["runs"]:
        del run["identity"]
        run["errors"] = Counter(_FOLDERS.sub("", error) for error in run["errors"].values())
    return figures


def _without_paths(table: ResultTable) -> ResultTable:
    rows = tuple(tuple(_FOLDERS.sub("", cell) for cell in row) for row in table.rows)
    return ResultTable(table.title, rows)


def _markdown(table: ResultTable) -> str:
    return print_table(table.rows, table.title) if len(table.rows) > 1 else ""


def _label_file(labels: Path) -> Path:
    """Return the folder's gt.json if it exists, else `labels` itself."""
    rows = labels / "gt.json"
    return rows if rows.is_file() else labels


if __name__ == "__main__":
    main()
