"""An evaluation as tables: rows of text, their head first, for terminals and Markdown alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from textwrap import shorten

from facedetect.evaluation.landmarks import LandmarkErrors
from facedetect.evaluation.results import Evaluation, Scores

_SHOWN_ERRORS = 5
_ERROR_WIDTH = 160
_POINTS = ("left eye", "right eye", "nose", "left mouth", "right mouth")


@dataclass(frozen=True)
class Table:
    """Rows of cells, the head first, each as long as the head."""

    title: str
    rows: tuple[tuple[str, ...], ...]

    def to_markdown(self) -> str:
        lines = [self.rows[0], ("---",) * len(self.rows[0]), *self.rows[1:]]
        return "\n".join(f"| {' | '.join(map(_escape, cells))} |" for cells in lines)


def tables(evaluation: Evaluation) -> list[Table]:
    """All tables that the evaluation has something for."""
    made = (
        precision_table(evaluation),
        detections_table(evaluation),
        comparison_table(evaluation),
        landmark_table(evaluation),
        point_table(evaluation),
        landmark_comparison_table(evaluation),
        error_table(evaluation),
    )
    return [table for table in made if len(table.rows) > 1]


def precision_table(evaluation: Evaluation) -> Table:
    """Average precision by subset."""
    subsets = list(evaluation.scores[0].curves) if evaluation.scores else []
    rows = [
        (
            *_names(scores),
            *(f"{curve.average_precision:.3f}" for curve in scores.curves.values()),
            *_answers(scores),
        )
        for scores in evaluation.scores
        if scores.curves
    ]
    head = ("detector", "setting", *subsets, "failed", "s/picture")
    return Table(f"Average precision, IoU {evaluation.iou:g}", (head, *rows))


def detections_table(evaluation: Evaluation) -> Table:
    """Precision, recall and false alarms of all that was answered."""
    rows = []
    for scores in evaluation.scores:
        for subset, curve in scores.curves.items():
            point = curve.operating_point
            is_any = point.found + point.false_alarms > 0  # of nothing, no share is right
            share = f"{point.precision:.3f}" if is_any else "", f"{point.recall:.3f}"
            counts = f"{point.found} of {curve.faces}", str(point.false_alarms)
            rows.append((*_names(scores), subset, *share, *counts))
    head = ("detector", "setting", "subset", "precision", "recall", "found", "false alarms")
    return Table("All detections", (head, *rows))


def comparison_table(evaluation: Evaluation) -> Table:
    """Differences of average precision with their intervals."""
    rows = [
        (
            f"{row.detector} - {row.baseline}",
            row.setting,
            row.subset,
            f"{row.difference.measured:+.4f}",
            f"{row.difference.low:+.4f} to {row.difference.high:+.4f}",
        )
        for row in evaluation.comparisons
    ]
    head = ("detectors", "setting", "subset", "difference", "95 % interval")
    return Table("Differences of average precision", (head, *rows))


def landmark_table(evaluation: Evaluation) -> Table:
    """Errors in per cent of the distance between the eyes."""
    rows = [
        (
            *_names(scores),
            *(f"{error:.2f}" for error in (errors.mean, errors.median)),
            *map(str, (errors.failures, errors.missed)),
            *_answers(scores),
        )
        for scores, errors in _with_landmarks(evaluation)
    ]
    kinds = ("mean", "median", "over 10 %", "missed")
    head = ("detector", "setting", *kinds, "failed", "s/picture")
    return Table("Landmark error, % of the distance between the eyes", (head, *rows))


def point_table(evaluation: Evaluation) -> Table:
    """The mean error of each point."""
    rows = [
        (*_names(scores), *(f"{error:.2f}" for error in errors.mean_by_point.tolist()))
        for scores, errors in _with_landmarks(evaluation)
    ]
    return Table("Mean landmark error by point, %", (("detector", "setting", *_POINTS), *rows))


def landmark_comparison_table(evaluation: Evaluation) -> Table:
    """Mean errors over the faces that both detectors found."""
    rows = [
        (
            f"{row.detector} / {row.baseline}",
            row.setting,
            f"{row.means.one:.2f}",
            f"{row.means.other:.2f}",
            f"{row.means.one / row.means.other - 1:+.1%}" if row.means.other > 0 else "",
            str(row.means.faces),
        )
        for row in evaluation.landmark_comparisons
    ]
    head = ("detectors", "setting", "mean of the first", "of the second", "change", "faces")
    return Table("Landmark error over the faces that both found", (head, *rows))


def error_table(evaluation: Evaluation) -> Table:
    """What prevented answers, and how often."""
    rows = [
        (*_names(scores), str(count), words)
        for scores in evaluation.scores
        for words, count in _counted_errors(scores)
    ]
    return Table("Failures", (("detector", "setting", "pictures", "error"), *rows))


def _with_landmarks(evaluation: Evaluation) -> Iterator[tuple[Scores, LandmarkErrors]]:
    for scores in evaluation.scores:
        if scores.landmarks is not None:
            yield scores, scores.landmarks


def _counted_errors(scores: Scores) -> Iterator[tuple[str, int]]:
    """The most frequent ones; they may name each picture's own file."""
    counts = Counter(scores.run.errors.values())
    shown = counts.most_common(_SHOWN_ERRORS)
    for words, count in shown:
        yield shorten(words, _ERROR_WIDTH), count
    left_out = counts.total() - sum(count for _, count in shown)
    if left_out:
        yield "other errors; results.json has all", left_out


def _names(scores: Scores) -> tuple[str, str]:
    return scores.run.detector, scores.run.setting


def _answers(scores: Scores) -> Sequence[str]:
    """How many pictures had no answer, and how long the others took."""
    seconds = [found.seconds for found in scores.run.found if found.error is None]
    return str(len(scores.run.errors)), f"{median(seconds):.3f}" if seconds else ""


def _escape(cell: str) -> str:
    return cell.replace("|", "\\|")
