"""`facedetect detect`: find faces in images; print text, JSON or CSV."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from facedetect.archive.reports import Row, failed_row, found_row, to_json_line
from facedetect.archive.reports.csv_report import csv_row_writer
from facedetect.cli import options
from facedetect.cli.console_table import print_table
from facedetect.cli.detection_options import takes_detection_params
from facedetect.cli.exit_codes import EXIT_CODES, NO_FACE
from facedetect.cli.finder import open_finder
from facedetect.cli.image_sources import expand_folders, image_source
from facedetect.cli.waiting import waiting
from facedetect.detection_params import DetectionParams
from facedetect.errors import PER_IMAGE_ERRORS, InvalidSettings
from facedetect.formatting import counted, printable
from facedetect.settings import ClientSettings

RowPrinter = Callable[[Row], object]


@takes_detection_params
def detect(  # noqa: PLR0913 - a command's options are its arguments
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", show_default=False)],
    *,
    params: DetectionParams,
    max_faces: Annotated[
        int | None,
        typer.Option(
            min=1, help="Return at most this many faces, largest first.", show_default="all"
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON Lines: one object per image.")
    ] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, one line per face.")] = False,
    fail_if_none: Annotated[
        bool, typer.Option("--fail-if-none", help="Exit with 4 if no face is found in any image.")
    ] = False,
    backend: options.Backend = None,
    server: options.Server = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Find the faces in images.

    Each IMAGE is a file, a folder to search recursively, or - for standard input.

    Examples:

        facedetect detect group.jpg

        facedetect detect --json --min-size 40 *.jpg | jq '.faces | length'

        facedetect detect --csv photos/ > faces.csv

        curl -s https://example.com/a.jpg | facedetect detect -
    """
    client = ClientSettings.load(server=server)
    print_row = _row_printer(as_json=as_json, as_csv=as_csv, quiet=quiet)
    exit_code, faces = 0, 0
    with open_finder(client, backend, params, max_faces) as find:
        for path in expand_folders(images):
            started = time.perf_counter()
            try:
                with waiting(printable(str(path))):
                    found = find(image_source(path))
            except PER_IMAGE_ERRORS as error:
                exit_code = max(exit_code, EXIT_CODES[type(error)])
                typer.echo(printable(f"{path}: {error}"), err=True)
                print_row(failed_row(str(path), error))
                continue
            faces += len(found.faces)
            print_row(found_row(str(path), found))
            if verbose:
                spent_ms = 1000 * (time.perf_counter() - started)
                size = f"{found.width}x{found.height} px"
                typer.echo(f"{path}: {size}, {spent_ms:.0f} ms, model {found.model}", err=True)
    if exit_code or (fail_if_none and not faces):
        raise typer.Exit(exit_code or NO_FACE)


def _row_printer(*, as_json: bool, as_csv: bool, quiet: bool) -> RowPrinter:
    if as_json + as_csv + quiet > 1:
        raise InvalidSettings("--json, --csv and --quiet exclude each other; give one")
    if as_json:
        return lambda row: typer.echo(to_json_line(row), nl=False)
    if as_csv:
        return csv_row_writer(sys.stdout)
    return (lambda _: None) if quiet else _print_text


def _print_text(row: Row) -> None:
    if row["status"] == "failed":
        return
    if not row["faces"]:
        typer.echo(printable(f"{row['file']}: no face"))
        return
    header = ("score", "box", "roll", "left eye", "right eye", "nose", "mouth corners")
    title = f"{row['file']}: {counted(len(row['faces']), 'face')}"
    print_table(header, map(_cells, row["faces"]), title=title, justify="right")


def _cells(face: Row) -> list[str]:
    box, marks = face["box"], face["landmarks"]
    width, height = box["x_max"] - box["x_min"], box["y_max"] - box["y_min"]
    return [
        f"{face['confidence']:.3f}",
        f"{box['x_min']:.0f},{box['y_min']:.0f} {width:.0f}x{height:.0f}",
        f"{face['roll_deg']:.0f}",
        *(_at(marks[name]) for name in ("left_eye", "right_eye", "nose")),
        f"{_at(marks['mouth_left'])} {_at(marks['mouth_right'])}",
    ]


def _at(point: Row) -> str:
    return f"{point['x']:.0f},{point['y']:.0f}"
