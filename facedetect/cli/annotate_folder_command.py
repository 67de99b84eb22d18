"""`facedetect annotate-folder`: mark or hide faces in every picture and video of a folder."""

from __future__ import annotations

from contextlib import nullcontext
from threading import Event
from typing import Annotated, cast

import typer
from rich.console import Console

from facedetect import archive
from facedetect.archive.opening import ExecutorName
from facedetect.archive.reports import ReportName
from facedetect.cli import options
from facedetect.cli.detection_options import takes_detection_params
from facedetect.cli.exit_codes import INTERRUPTED
from facedetect.cli.folder_summary import print_json, print_preview, print_summary
from facedetect.cli.progress_display import folder_progress
from facedetect.cli.signals import stopped_by_signals
from facedetect.crops import CropStyle
from facedetect.detection_params import DetectionParams
from facedetect.images import Metadata
from facedetect.settings import DetectorSettings
from facedetect.styles import DisplayStyle

_FAILED = 1


@takes_detection_params
def annotate_folder(  # noqa: PLR0913 - a command's options are its arguments
    source: Annotated[str, typer.Argument(metavar="IN", show_default=False)],
    output: Annotated[str, typer.Argument(metavar="OUT", show_default=False)],
    *,
    style: Annotated[
        DisplayStyle,
        typer.Option(help="Draw boxes, or hide the faces; none writes no pictures."),
    ] = "box",
    shape: options.Shape = "rectangle",
    margin: options.Margin = options.DEFAULT_MARGIN,
    mask_image: options.MaskImage = None,
    metadata: Annotated[
        Metadata | None,
        typer.Option(
            help="Metadata to keep: EXIF and colour profile, only the profile, or none.",
            show_default="keep; colour where faces are hidden",
        ),
    ] = None,
    crops: Annotated[
        CropStyle | None,
        typer.Option(help="Also save face crops: with a margin, or aligned to 112x112 px."),
    ] = None,
    clear_crops: Annotated[
        bool, typer.Option("--clear-crops", help="Save face crops even if the style hides faces.")
    ] = False,
    report: Annotated[
        str, typer.Option(help="Reports, separated by commas: jsonl, csv, coco, parquet, html.")
    ] = "jsonl",
    params: DetectionParams,
    videos: Annotated[bool, typer.Option(help="Also process videos.")] = True,
    stride: options.Stride = 1,
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN",
            help="Skip matching files and folders, as in .gitignore: '*.png', 'private/', "
            "'2019/**'. Repeatable; ignores case.",
        ),
    ] = None,
    include: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN",
            help="Process only matching files and folders, including system folders. Repeatable.",
        ),
    ] = None,
    follow_links: Annotated[
        bool, typer.Option("--follow-links", help="Follow symbolic links to folders.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Files processed in parallel; with Ray, the maximum number of workers.",
            show_default="one per core",
        ),
    ] = None,
    backend: options.Backend = None,
    engine: Annotated[
        ExecutorName, typer.Option(help="Run on this machine or on a Ray cluster.")
    ] = "local",
    ray_address: Annotated[
        str | None,
        typer.Option(
            help="Ray cluster: HOST:6379, or auto on one of its machines.",
            show_default="a local cluster",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be done; write nothing.")
    ] = False,
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Print only the summary, without progress or failures."),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the summary as a JSON object.")
    ] = False,
) -> None:
    """Mark or hide the faces in every picture and video below the folder IN.

    OUT mirrors the tree of IN. Its report has a row for every file, including those without faces
    and those that failed. Sources are never changed. To resume an interrupted run, run the same
    command again; files that changed are processed again.

    Examples:

        facedetect annotate-folder photos/ photos-with-faces/

        facedetect annotate-folder photos/ public/ --style blur --report html,csv

        facedetect annotate-folder photos/ faces/ --style none --crops aligned

        facedetect annotate-folder s3://bucket/in s3://bucket/out --engine ray --ray-address auto
    """
    folder_options = archive.FolderOptions(
        params=params,
        style=style,
        mask=options.parse_mask(shape, margin, mask_image),
        metadata=metadata,
        crops=crops,
        clear_crops=clear_crops,
        reports=[cast("ReportName", name.strip()) for name in report.split(",")],
        videos=videos,
        stride=stride,
        exclude=exclude or (),
        include=include or (),
        follow_links=follow_links,
        workers=workers,
        engine=engine,
        ray_address=ray_address,
        settings=DetectorSettings.load(backend=backend),
    )
    stop, console = Event(), Console(stderr=True)
    with stopped_by_signals(stop):
        if dry_run:
            files = archive.preview_folder(source, output, stop=stop, **folder_options)
            print_preview(files, quiet=quiet, as_json=as_json)
            if stop.is_set():
                raise typer.Exit(INTERRUPTED)
            return
        with nullcontext(lambda _: None) if quiet else folder_progress(console) as show:
            summary = archive.annotate_folder(
                source, output, on_progress=show, stop=stop, **folder_options
            )
    (print_json if as_json else print_summary)(summary)
    if summary.interrupted:
        raise typer.Exit(INTERRUPTED)
    if summary.failed:
        raise typer.Exit(_FAILED)
