"""What `annotate` and `hide` share: run files through a detector, one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import partial
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
from facedetect.cli.image_sources import as_file
from facedetect.cli.progress_display import frame_progress
from facedetect.cli.signals import stopped_by_signals
from facedetect.cli.waiting import waiting
from facedetect.errors import PER_IMAGE_ERRORS, InvalidSettings
from facedetect.formatting import counted, printable
from facedetect.settings import DetectorSettings


def annotate_files(
    outputs: Mapping[Path, Path],
    backend: str | None,
    *,
    quiet: bool = False,
    verbose: bool = False,
    **options: Unpack[FileOptions],
) -> None:
    """Annotate each file, write its output, and print a line for each.

    Raises typer.Exit if one fails, and InvalidSettings before the first one if the arguments are
    invalid.
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
            annotate = partial(annotate_file, detector, on_frame=show, stop=stop, **options)
            for source, output in outputs.items():
                code = _annotate(annotate, source, output, quiet=quiet, verbose=verbose)
                exit_code = max(exit_code, code)
    if exit_code:
        raise typer.Exit(exit_code)


def _annotate(
    annotate: Callable[[Path, Path], Row], source: Path, output: Path, *, quiet: bool, verbose: bool
) -> int:
    """Annotate one file, report the result, and return the exit code."""
    started = time.perf_counter()
    try:
        with as_file(source) as file:
            row = annotate(file, output)
    except PER_IMAGE_ERRORS as error:
        typer.echo(printable(f"{source}: {error}"), err=True)
        return EXIT_CODES[type(error)]
    except RunInterrupted:
        raise typer.Exit(INTERRUPTED) from None
    if not quiet:
        typer.echo(printable(f"{output}: {_found(row)}"))
    if verbose:
        spent_s = time.perf_counter() - started
        size = f"{row['width']}x{row['height']} px"
        typer.echo(printable(f"{source}: {size}, {spent_s:.2f} s"), err=True)
    return 0


def _found(row: Row) -> str:
    if "video" not in row:
        return counted(len(row["faces"]), "face")
    video = row["video"]
    tracks = counted(video["tracks"], "face track")
    return f"{tracks} in {counted(video['frames'], 'frame')}, {video['seconds']:.1f} s"
