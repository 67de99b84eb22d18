"""What `annotate` and `hide` share: files go through a detector, one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from threading import Event
from typing import Unpack

import typer
from rich.console import Console

from facedetect.archive import FileOptions, RunInterrupted, annotate_file
from facedetect.archive.one_file import check_output
from facedetect.archive.processing import processing_options
from facedetect.archive.reports import Row
from facedetect.cli.exit_codes import EXIT_CODES, INTERRUPTED
from facedetect.cli.formatting import counted, printable
from facedetect.cli.progress_display import frame_progress
from facedetect.cli.signals import stopped_by_signals
from facedetect.cli.waiting import waiting
from facedetect.errors import PER_IMAGE_ERRORS, InvalidSettings
from facedetect.settings import DetectorSettings


def annotate_files(
    outputs: Mapping[Path, Path],
    backend: str | None,
    *,
    quiet: bool = False,
    **options: Unpack[FileOptions],
) -> None:
    """Annotate each file as its output, and print a line for each.

    Raises typer.Exit if one fails, and InvalidSettings, for what cannot be right, before any is
    begun.
    """
    for source, output in outputs.items():
        if source.is_dir():
            raise InvalidSettings(f"{source} is a folder; use facedetect annotate-folder")
        check_output(source, output)
    processing_options(options)
    settings = DetectorSettings.load(backend=backend)
    stop, exit_code = Event(), 0
    progress = nullcontext(lambda _: None) if quiet else frame_progress(Console(stderr=True))
    with settings.open_detector() as detector, stopped_by_signals(stop):
        with waiting("loading the model"):
            detector.warm_up()
        with progress as show:
            for source, output in outputs.items():
                try:
                    row = annotate_file(
                        detector, source, output, on_frame=show, stop=stop, **options
                    )
                except PER_IMAGE_ERRORS as error:
                    exit_code = max(exit_code, EXIT_CODES[type(error)])
                    typer.echo(printable(f"{source}: {error}"), err=True)
                except RunInterrupted:
                    raise typer.Exit(INTERRUPTED) from None
                else:
                    if not quiet:
                        typer.echo(printable(f"{output}: {_found(row)}"))
    if exit_code:
        raise typer.Exit(exit_code)


def _found(row: Row) -> str:
    if "video" not in row:
        return counted(len(row["faces"]), "face")
    video = row["video"]
    tracks = counted(video["tracks"], "face track")
    return f"{tracks} in {counted(video['frames'], 'frame')}, {video['seconds']:.1f} s"
