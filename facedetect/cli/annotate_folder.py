"""`facedetect annotate-folder`: every image below a folder."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from facedetect.cli import options
from facedetect.cli.errors import INTERRUPTED
from facedetect.cli.words import counted
from facedetect.detector import Detector
from facedetect.faces import DetectionParams, parse_thresholds
from facedetect.folder import run
from facedetect.folder.plan import Plan, plan_folder
from facedetect.folder.reports import Row, Summary
from facedetect.settings import Settings

_STOPPING = (signal.SIGINT, signal.SIGTERM)


def annotate_folder(
    source: Annotated[Path, typer.Argument(metavar="IN", show_default=False)],
    output: Annotated[Path, typer.Argument(metavar="OUT", show_default=False)],
    *,
    min_size: options.MinSize = options.DEFAULT_MIN_SIZE,
    factor: options.Factor = options.DEFAULT_FACTOR,
    thresholds: options.Thresholds = options.DEFAULT_THRESHOLDS,
    threads: Annotated[
        int | None,
        typer.Option(help="Images side by side.", show_default="FACEDETECT_THREADS, or 2"),
    ] = None,
    backend: options.Backend = None,
) -> None:
    """Draw the faces on every image below the folder IN.

    OUT mirrors the tree of IN; OUT/report.jsonl has a line for each image, also for those
    without a face and those that could not be used. The sources stay as they are.

    Example:

        facedetect annotate-folder photos/ photos-with-faces/
    """
    params = DetectionParams(min_size, factor, parse_thresholds(thresholds))
    plan = plan_folder(source, output)
    console = Console(stderr=True)
    settings = Settings.load(backend=backend, threads=threads)
    with settings.open_detector() as detector:
        with console.status("Loading the model"):
            detector.warm_up()
        started = time.monotonic()
        summary = _run(detector, plan, params, settings.threads, console)
    _print_summary(summary, plan, time.monotonic() - started)
    if summary.interrupted:
        raise typer.Exit(INTERRUPTED)
    if summary.failed:
        raise typer.Exit(1)


def _run(
    detector: Detector, plan: Plan, params: DetectionParams, threads: int, console: Console
) -> Summary:
    with _progress(console) as progress, _stopped_by_signals() as stop:
        task = progress.add_task("", total=len(plan.items) + len(plan.unreadable))

        def show(row: Row) -> None:
            if row["status"] == "failed":
                console.print(
                    f"{row['image']}: {row['message']}", style="red", markup=False, soft_wrap=True
                )
            progress.advance(task)

        return run.annotate_folder(detector, plan, params, threads=threads, on_row=show, stop=stop)


@contextmanager
def _stopped_by_signals() -> Iterator[Event]:
    """Ctrl-C and SIGTERM set the event: what was begun is finished. A second one ends at once."""
    stop = Event()

    def set_once(number: int, _: object) -> None:
        stop.set()
        signal.signal(number, signal.default_int_handler)

    previous = {number: signal.signal(number, set_once) for number in _STOPPING}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("Annotating"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
    )


def _print_summary(summary: Summary, plan: Plan, seconds: float) -> None:
    done = summary.images + summary.failed
    if summary.interrupted:
        typer.echo(f"Interrupted after {done} of {len(plan.items)} images.")
    typer.echo(
        f"{counted(summary.images, 'image')} in {seconds:.1f} s: "
        f"{counted(summary.faces, 'face')}, "
        f"{counted(summary.without_face, 'image')} without a face, {summary.failed} failed."
    )
    for reason, count in summary.failures.most_common():
        typer.echo(f"  {reason}: {count}")
    if plan.others:
        typer.echo(f"{counted(plan.others, 'other file')} left alone.")
    typer.echo(f"Report: {plan.report}")
