"""The results of an evaluation as tables for the terminal and for Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from textwrap import shorten

from facedetect.evaluation.evaluation_results import Evaluation, RunScores
from facedetect.evaluation.landmark_errors import LandmarkErrors

_MAX_ERRORS = 5
_ERROR_WIDTH = 160
_POINTS = ("left eye", "right eye", "nose", "left mouth", "right mouth")


@dataclass(frozen=True)
class ResultTable:
    """Rows of cells of the same length; the first row is the header."""

    title: str
    rows: tuple[tuple[str, ...], ...]

    def to_markdown(self) -> str:
        lines = [self.rows[0], ("---",) * len(self.rows[0]), *self.rows[1:]]
        return "\n".join(f"| {' | '.join(map(_escape, cells))} |" for cells in lines)


def result_tables(evaluation: Evaluation) -> list[ResultTable]:
    """Return all tables that have rows."""
    tables = (
        precision_table(evaluation),
        detections_table(evaluation),
        precision_comparison_table(evaluation),
        landmark_table(evaluation),
        point_table(evaluation),
        landmark_comparison_table(evaluation),
        error_table(evaluation),
    )
    return [table for table in tables if len(table.rows) > 1]


def precision_table(evaluation: Evaluation) -> ResultTable:
    """Average precision by subset."""
    subsets = list(evaluation.scores[0].curves) if evaluation.scores else []
    rows = [
        (
            *_run_cells(scores),
            *(f"{curve.average_precision:.3f}" for curve in scores.curves.values()),
            *_speed_cells(scores),
        )
        for scores in evaluation.scores
        if scores.curves
    ]
    header = ("detector", "setting", *subsets, "failed", "s/image")
    return ResultTable(f"Average precision, IoU {evaluation.iou:g}", (header, *rows))


def detections_table(evaluation: Evaluation) -> ResultTable:
    """Precision, recall and false positives of all detections."""
    rows = []
    for scores in evaluation.scores:
        for subset, curve in scores.curves.items():
            point = curve.operating_point
            has_any = point.true_positives + point.false_positives > 0
            rates = f"{point.precision:.3f}" if has_any else "", f"{point.recall:.3f}"
            counts = f"{point.true_positives} of {curve.faces}", str(point.false_positives)
            rows.append((*_run_cells(scores), subset, *rates, *counts))
    header = (
        "detector",
        "setting",
        "subset",
        "precision",
        "recall",
        "true positives",
        "false positives",
    )
    return ResultTable("All detections", (header, *rows))


def precision_comparison_table(evaluation: Evaluation) -> ResultTable:
    """Differences of average precision with their confidence intervals."""
    rows = [
        (
            f"{row.detector} - {row.baseline}",
            row.setting,
            row.subset,
            f"{row.difference.estimate:+.4f}",
            f"{row.difference.low:+.4f} to {row.difference.high:+.4f}",
        )
        for row in evaluation.precision_comparisons
    ]
    header = ("detectors", "setting", "subset", "difference", "95 % interval")
    return ResultTable("Differences of average precision", (header, *rows))


def landmark_table(evaluation: Evaluation) -> ResultTable:
    """Landmark errors of each run."""
    rows = [
        (
            *_run_cells(scores),
            *(f"{error:.2f}" for error in (errors.mean, errors.median)),
            *map(str, (errors.failures, errors.missed)),
            *_speed_cells(scores),
        )
        for scores, errors in _with_landmarks(evaluation)
    ]
    columns = ("mean", "median", "over 10 %", "missed")
    header = ("detector", "setting", *columns, "failed", "s/image")
    return ResultTable("Landmark error, % of the distance between the eyes", (header, *rows))


def point_table(evaluation: Evaluation) -> ResultTable:
    """The mean error of each point."""
    rows = [
        (*_run_cells(scores), *(f"{error:.2f}" for error in errors.mean_by_point.tolist()))
        for scores, errors in _with_landmarks(evaluation)
    ]
    header = ("detector", "setting", *_POINTS)
    return ResultTable("Mean landmark error by point, %", (header, *rows))


def landmark_comparison_table(evaluation: Evaluation) -> ResultTable:
    """Mean landmark errors over the faces that both detectors found."""
    rows = []
    for row in evaluation.landmark_comparisons:
        mean, baseline = row.detector_mean, row.baseline_mean
        change = f"{mean / baseline - 1:+.1%}" if baseline > 0 else ""
        names = f"{row.detector} / {row.baseline}", row.setting
        rows.append((*names, f"{mean:.2f}", f"{baseline:.2f}", change, str(row.faces)))
    header = ("detectors", "setting", "mean of the first", "of the second", "change", "faces")
    return ResultTable("Landmark error over the faces that both detectors found", (header, *rows))


def error_table(evaluation: Evaluation) -> ResultTable:
    """The most frequent errors of each run."""
    rows = [
        (*_run_cells(scores), str(count), error)
        for scores in evaluation.scores
        for error, count in _count_errors(scores)
    ]
    return ResultTable("Failures", (("detector", "setting", "images", "error"), *rows))


def _with_landmarks(evaluation: Evaluation) -> Iterator[tuple[RunScores, LandmarkErrors]]:
    for scores in evaluation.scores:
        if scores.landmarks is not None:
            yield scores, scores.landmarks


def _count_errors(scores: RunScores) -> Iterator[tuple[str, int]]:
    """Yield only a few errors: each image may have a different one, with its path."""
    counts = Counter(scores.run.errors.values())
    shown = counts.most_common(_MAX_ERRORS)
    for error, count in shown:
        yield shorten(error, _ERROR_WIDTH), count
    remaining = counts.total() - sum(count for _, count in shown)
    if remaining:
        yield "other errors; see results.json", remaining


def _run_cells(scores: RunScores) -> tuple[str, str]:
    return scores.run.detector, scores.run.setting


def _speed_cells(scores: RunScores) -> tuple[str, str]:
    """How many images failed, and the median time of the others."""
    seconds = scores.run.seconds
    return str(len(scores.run.errors)), f"{median(seconds):.3f}" if seconds else ""


def _escape(cell: str) -> str:
    return cell.replace("|", "\\|")
