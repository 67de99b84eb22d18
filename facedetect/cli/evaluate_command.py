"""`facedetect evaluate`: measure the accuracy of detectors on labelled images."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from threading import Event
from typing import Annotated

import typer
from rich.console import Console

from facedetect.cli.console_table import print_table
from facedetect.cli.evaluation_options import opened_detectors, parse_param_sets
from facedetect.cli.exit_codes import INTERRUPTED
from facedetect.cli.options import DefaultOf
from facedetect.cli.progress_display import evaluation_progress
from facedetect.cli.signals import stopped_by_signals
from facedetect.evaluation.datasets.open_dataset import DatasetKind, open_dataset
from facedetect.evaluation.evaluation_report import write_report
from facedetect.evaluation.evaluation_results import compare_runs, score_run
from facedetect.evaluation.evaluation_run import evaluate as evaluate_detectors
from facedetect.evaluation.external_program import DEFAULT_TIMEOUT_S
from facedetect.evaluation.plots import require_matplotlib
from facedetect.evaluation.result_tables import result_tables
from facedetect.evaluation.results_json import results_to_json
from facedetect.formatting import counted
from facedetect.settings import DetectorSettings

_FAILED = 1
_MAX_TIMEOUT_S = 86_400


def evaluate(  # noqa: PLR0913 - a command's options are its arguments
    labels: Annotated[Path, typer.Argument(metavar="LABELS", show_default=False)],
    *,
    images: Annotated[
        Path | None,
        typer.Option(
            help="Folder that the image names are relative to.",
            show_default="LABELS/WIDER_val/images, or the folder of the JSON file",
        ),
    ] = None,
    kind: Annotated[
        DatasetKind | None, typer.Option(help="Format of LABELS.", show_default="detected")
    ] = None,
    one_based: Annotated[
        bool,
        typer.Option("--one-based", help="Coordinates in LABELS start at 1, not 0."),
    ] = False,
    detector: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=BACKEND",
            help="A detector, as NAME=BACKEND. Repeatable.",
            show_default="facedetect with the configured backend",
        ),
    ] = None,
    external: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=COMMAND",
            help="An external program as a detector; see docs/evaluation.md. Repeatable.",
            show_default=False,
        ),
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[=MIN_SIZE/FACTOR/T1,T2,T3]",
            help="Detection parameters: defaults, recipe, or your own. Repeatable.",
            default_factory=DefaultOf("defaults"),
        ),
    ],
    output: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("evaluation"),
    iou: Annotated[
        float, typer.Option(min=0.05, max=0.95, help="Minimum IoU of a detection and its face.")
    ] = 0.5,
    threads: Annotated[int, typer.Option(min=1, help="Images processed in parallel.")] = 1,
    timeout: Annotated[
        float,
        typer.Option(
            min=0.1,
            max=_MAX_TIMEOUT_S,
            help="Timeout for each answer of an external program, seconds.",
        ),
    ] = DEFAULT_TIMEOUT_S,
    bootstrap: Annotated[
        int, typer.Option(min=100, help="Bootstrap rounds for confidence intervals.")
    ] = 1000,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print no progress and no failures.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the results as JSON instead of tables.")
    ] = False,
) -> None:
    """Measure the accuracy of detectors on labelled images.

    LABELS is the WIDER FACE folder, or a JSON file: COCO, or one row per image. The output folder
    receives results.json, results.md, plots and all detections. To resume an interrupted
    evaluation, run the same command again. Exits with 1 if a detector failed on an image.

    Examples:

        facedetect evaluate WIDER/ --setting defaults --setting recipe

        facedetect evaluate labels.json --detector a=savedmodel:models/a --detector b=embedded:

        facedetect evaluate labels.json --external mine="python my_detector.py"
    """
    require_matplotlib()
    settings = DetectorSettings.load()
    dataset = open_dataset(labels, images=images, kind=kind, one_based=one_based)
    for remark in dataset.remarks:
        typer.echo(remark, err=True)
    param_sets = parse_param_sets(setting or ["defaults"])
    stop, console = Event(), Console(stderr=True)
    with (
        opened_detectors(detector or [], external or [], settings, timeout) as detectors,
        nullcontext(lambda _: None) if quiet else evaluation_progress(console) as show,
        stopped_by_signals(stop),
    ):
        runs = evaluate_detectors(
            dataset, detectors, param_sets, output, threads=threads, on_progress=show, stop=stop
        )
        scores = [score_run(dataset, run, iou=iou) for run in runs]
    if stop.is_set():
        typer.echo("interrupted; run the same command again to resume", err=True)
        raise typer.Exit(INTERRUPTED)
    evaluation = compare_runs(dataset, scores, iou=iou, rounds=bootstrap)
    written = write_report(evaluation, output)
    if as_json:
        typer.echo(json.dumps(results_to_json(evaluation, with_curves=False), indent=1))
    else:
        for table in result_tables(evaluation):
            header, *rows = table.rows
            print_table(header, rows, title=table.title)
        typer.echo(f"wrote {counted(len(written), 'file')}: {', '.join(map(str, written))}")
    if any(score.run.errors for score in scores):
        raise typer.Exit(_FAILED)
