"""`facedetect evaluate`: how accurate detectors are on labelled pictures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from threading import Event
from typing import Annotated

import typer
from rich import table as rich
from rich.console import Console
from rich.markup import escape

from facedetect.cli.evaluation_options import opened_subjects, parse_settings
from facedetect.cli.evaluation_progress import shown_evaluation
from facedetect.cli.exit_codes import INTERRUPTED
from facedetect.cli.formatting import counted, printable
from facedetect.cli.signals import stopped_by_signals
from facedetect.evaluation.datasets import Kind, open_truth
from facedetect.evaluation.external import DEFAULT_TIMEOUT_S
from facedetect.evaluation.plots import check_plots
from facedetect.evaluation.report import write_report
from facedetect.evaluation.results import Evaluation, conclude, score_run, to_json
from facedetect.evaluation.runs import evaluate as evaluate_all
from facedetect.evaluation.tables import tables
from facedetect.settings import DetectorSettings

_FAILED = 1
_WIDEST = 1000  # columns of a file or a pipe: no table needs more
_LONGEST_S = 86_400


def evaluate(  # noqa: PLR0913 - a command's options are its arguments
    truth: Annotated[Path, typer.Argument(metavar="LABELS", show_default=False)],
    *,
    images: Annotated[
        Path | None,
        typer.Option(help="Folder of the pictures.", show_default="the usual one, or LABELS' own"),
    ] = None,
    kind: Annotated[
        Kind | None, typer.Option(help="What LABELS is.", show_default="found out")
    ] = None,
    one_based: Annotated[
        bool, typer.Option("--one-based", help="The labels count pixels from 1, not from 0.")
    ] = False,
    detector: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=BACKEND",
            help="A detector by its backend's URL; may be given several times.",
            show_default="facedetect, at FACEDETECT_BACKEND or embedded:",
        ),
    ] = None,
    external: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=COMMAND",
            help="Another program that finds faces (docs/evaluation.md); several times.",
            show_default=False,
        ),
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[=MIN_SIZE/FACTOR/T1,T2,T3]",
            help="Parameters to evaluate at: defaults, recipe, or your own; several times.",
            show_default="defaults",
        ),
    ] = None,
    output: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("evaluation"),
    iou: Annotated[
        float, typer.Option(min=0.05, max=0.95, help="Least overlap of a box with its face.")
    ] = 0.5,
    threads: Annotated[int, typer.Option(min=1, help="Pictures side by side.")] = 1,
    timeout: Annotated[
        float,
        typer.Option(min=0.1, max=_LONGEST_S, help="Longest time of an external answer, seconds."),
    ] = DEFAULT_TIMEOUT_S,
    bootstrap: Annotated[
        int, typer.Option(min=100, help="Rounds for the intervals of differences.")
    ] = 1000,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress and no failures.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="The figures as a JSON object instead of tables.")
    ] = False,
) -> None:
    """Measure how accurate detectors are on the labelled pictures LABELS.

    LABELS is the folder of WIDER FACE, or a JSON file of labels: COCO, or a row a picture.
    The folder of results gets results.json, results.md, plots, and every answer: the same command
    goes on where it was ended. Ends with 1 if a detector had no answer for some picture.

    Examples:

        facedetect evaluate WIDER/ --setting defaults --setting recipe

        facedetect evaluate labels.json --detector a=embedded:models/a --detector b=embedded:

        facedetect evaluate labels.json --external mine="python my_detector.py"
    """
    check_plots()
    settings = DetectorSettings.load()
    labelled = open_truth(truth, images=images, kind=kind, one_based=one_based)
    for remark in labelled.remarks:
        typer.echo(remark, err=True)
    params = parse_settings(setting or ["defaults"])
    stop = Event()
    with (
        opened_subjects(detector or [], external or [], settings, timeout) as subjects,
        shown_evaluation(Console(stderr=True), stop, quiet=quiet) as progress,
        stopped_by_signals(stop),
    ):
        runs = evaluate_all(labelled, subjects, params, output, threads=threads, progress=progress)
        scores = [score_run(labelled, run, iou=iou) for run in runs]
    if stop.is_set():
        typer.echo("stopped; the same command goes on", err=True)
        raise typer.Exit(INTERRUPTED)
    evaluation = conclude(labelled, scores, iou=iou, rounds=bootstrap)
    written = write_report(evaluation, output)
    if as_json:
        typer.echo(json.dumps(to_json(evaluation, with_curves=False), indent=1))
    else:
        _print(evaluation, written)
    if any(score.run.errors for score in scores):
        raise typer.Exit(_FAILED)


def _print(evaluation: Evaluation, written: Sequence[Path]) -> None:
    console = Console()
    if not console.is_terminal:
        console.width = _WIDEST
    for table in tables(evaluation):
        head, *rows = ([escape(printable(cell)) for cell in row] for row in table.rows)
        shown = rich.Table(title=table.title, title_justify="left")
        for name in head:
            shown.add_column(name, overflow="fold")
        for row in rows:
            shown.add_row(*row)
        console.print(shown)
    typer.echo(f"{counted(len(written), 'file')} written: {', '.join(map(str, written))}")
