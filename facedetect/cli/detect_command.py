"""`facedetect detect`: the faces of some images, as a table or as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facedetect.archive.reports import failed_row, found_row, to_json_line
from facedetect.cli import options
from facedetect.cli.console_table import print_table
from facedetect.cli.detection_options import takes_detection_params
from facedetect.cli.exit_codes import EXIT_CODES
from facedetect.cli.formatting import counted
from facedetect.errors import PER_IMAGE_ERRORS
from facedetect.faces import DetectionParams, Face, Point
from facedetect.images import load_image
from facedetect.settings import DetectorSettings


@takes_detection_params
def detect(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", show_default=False)],
    *,
    params: DetectionParams,
    max_faces: Annotated[
        int | None,
        typer.Option(min=1, help="Maximum number of faces, the largest first.", show_default="all"),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per image, a line each.")
    ] = False,
    backend: options.Backend = None,
) -> None:
    """Find the faces in images.

    Examples:

        facedetect detect group.jpg

        facedetect detect --json --min-size 40 *.jpg | jq '.faces | length'
    """
    exit_code = 0
    with DetectorSettings.load(backend=backend).open_detector() as detector:
        for path in images:
            try:
                image = load_image(path, detector.limits)
                found = detector.detect_upright(image, params, max_faces=max_faces)
            except PER_IMAGE_ERRORS as error:
                exit_code = max(exit_code, EXIT_CODES[type(error)])
                typer.echo(f"{path}: {error}", err=True)
                row = failed_row(str(path), error)
            else:
                row = found_row(str(path), found)
                if not as_json:
                    _print_table(path, found.faces)
            if as_json:
                typer.echo(to_json_line(row), nl=False)
    if exit_code:
        raise typer.Exit(exit_code)


def _print_table(path: Path, faces: list[Face]) -> None:
    if not faces:
        typer.echo(f"{path}: no face")
        return
    header = ("score", "box", "roll", "left eye", "right eye", "nose", "mouth corners")
    title = f"{path}: {counted(len(faces), 'face')}"
    print_table(header, map(_cells, faces), title=title, justify="right")


def _cells(face: Face) -> list[str]:
    box, marks = face.box, face.landmarks
    return [
        f"{face.confidence:.3f}",
        f"{box.x_min:.0f},{box.y_min:.0f} {box.width:.0f}x{box.height:.0f}",
        f"{face.roll_deg:.0f}°",
        _at(marks.left_eye),
        _at(marks.right_eye),
        _at(marks.nose),
        f"{_at(marks.mouth_left)} {_at(marks.mouth_right)}",
    ]


def _at(point: Point) -> str:
    return f"{point.x:.0f},{point.y:.0f}"
