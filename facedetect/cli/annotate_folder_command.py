"""`facedetect annotate-folder`: every picture and video below a folder."""

from __future__ import annotations

import time
from threading import Event
from typing import Annotated, get_args

import typer
from rich.console import Console

from facedetect.cli import options
from facedetect.cli.exit_codes import INTERRUPTED
from facedetect.cli.folder_engine import EngineName, opened_engine, opened_journal
from facedetect.cli.folder_summary import Ended, print_json, print_plan, print_summary
from facedetect.cli.progress import shown_progress
from facedetect.cli.signals import stopped_by_signals
from facedetect.crops import CropStyle
from facedetect.errors import InvalidSettings
from facedetect.faces import DetectionParams, parse_thresholds
from facedetect.folder.cluster import Job
from facedetect.folder.opening import open_places
from facedetect.folder.pictures import Metadata
from facedetect.folder.plan import Plan
from facedetect.folder.reports import ReportName, check_report
from facedetect.folder.run import Engine, Run
from facedetect.folder.work import Shown, Work
from facedetect.settings import DetectorSettings

_FAILED = 1


def annotate_folder(  # noqa: PLR0913 - a command's options are its arguments
    source: Annotated[str, typer.Argument(metavar="IN", show_default=False)],
    output: Annotated[str, typer.Argument(metavar="OUT", show_default=False)],
    *,
    style: Annotated[
        Shown,
        typer.Option(help="How faces are shown: with a box, or hidden; none writes no pictures."),
    ] = "box",
    metadata: Annotated[
        Metadata | None,
        typer.Option(
            help="What pictures keep of their sources': EXIF and colour profile, the profile, "
            "nothing.",
            show_default="keep; colour where faces are hidden",
        ),
    ] = None,
    crops: Annotated[
        CropStyle | None,
        typer.Option(help="Cut faces out, too: with a margin, or aligned to 112x112 px."),
    ] = None,
    report: Annotated[
        str, typer.Option(help="Reports, with commas: jsonl, csv, coco, parquet, html.")
    ] = "jsonl",
    min_size: options.MinSize = options.DEFAULT_MIN_SIZE,
    factor: options.Factor = options.DEFAULT_FACTOR,
    thresholds: options.Thresholds = options.DEFAULT_THRESHOLDS,
    videos: Annotated[bool, typer.Option(help="Look at videos, too.")] = True,
    stride: Annotated[
        int, typer.Option(min=1, help="Look at every n-th frame of a video and follow the faces.")
    ] = 1,
    follow_links: Annotated[
        bool, typer.Option("--follow-links", help="Enter folders that links lead to.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, help="Files side by side; with Ray the largest pool.", show_default="one a core"
        ),
    ] = None,
    backend: options.Backend = None,
    engine: Annotated[
        EngineName, typer.Option(help="This machine, or a Ray cluster of many.")
    ] = "local",
    ray_address: Annotated[
        str | None,
        typer.Option(
            help="The cluster: HOST:6379, or auto on one of its machines.",
            show_default="a Ray of this machine",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would be done, and do nothing.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="No progress and no failures, the summary alone.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The summary as a JSON object.")] = False,
) -> None:
    """Draw, or hide, the faces on every picture and video below the folder IN.

    OUT mirrors the tree of IN, with a report that has a line for each file, also for those without
    a face and those that could not be used. The sources stay as they are. A run that was ended, at
    any moment and however, is gone on with by the same command; what has changed is done again.

    Examples:

        facedetect annotate-folder photos/ photos-with-faces/

        facedetect annotate-folder photos/ public/ --style blur --report html,csv

        facedetect annotate-folder photos/ faces/ --style none --crops aligned

        facedetect annotate-folder s3://bucket/in s3://bucket/out --engine ray --ray-address auto
    """
    reports = _parse_reports(report)
    hides = style not in {"box", "none"}
    work = Work(
        params=DetectionParams(min_size, factor, parse_thresholds(thresholds)),
        style=style,
        metadata=metadata or ("colour" if hides else "keep"),
        crops=crops,
        thumbnails="html" in reports,
        stride=stride,
    )
    pictures, results = open_places(source, output, follow_links=follow_links)
    plan = Plan(pictures, videos=videos)
    plan.check()
    settings = DetectorSettings.load(backend=backend)
    job = Job(settings, work, pictures, results, workers, ray_address)
    console = Console(stderr=True, quiet=quiet)
    stop = Event()
    with (
        opened_journal(results, dry_run=dry_run) as journal,
        opened_engine(engine, job, stop, console) as (model, doer),
        stopped_by_signals(stop),
    ):
        run = Run(plan, results, journal, work.fingerprint(model), stop)
        if dry_run:
            print_plan(run, quiet=quiet, as_json=as_json)
        else:
            ended = _do(run, doer, reports, console, quiet=quiet)
            (print_json if as_json else print_summary)(ended)
    if stop.is_set() and (dry_run or run.summary.interrupted):
        raise typer.Exit(INTERRUPTED)
    if run.summary.failed:
        raise typer.Exit(_FAILED)


def _do(
    run: Run, engine: Engine, reports: list[ReportName], console: Console, *, quiet: bool
) -> Ended:
    started = time.monotonic()
    with shown_progress(run, console, quiet=quiet) as show:
        summary = run.do(engine, show)
    if summary.interrupted:
        return Ended(summary, time.monotonic() - started, [])
    with console.status("Writing the reports"):
        told = [f"{run.output}/{path}" for path in run.tell(reports)]
    return Ended(summary, time.monotonic() - started, told, *run.unseen())


def _parse_reports(text: str) -> list[ReportName]:
    known = {name: name for name in get_args(ReportName)}
    names = [part.strip() for part in text.split(",")]
    for name in names:
        if name not in known:
            raise InvalidSettings(f"--report {text!r}: {name!r} is none of {', '.join(known)}")
        check_report(known[name])
    return [known[name] for name in dict.fromkeys(names)]
