"""`facedetect freeze`: build a frozen graph from the weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer


def freeze(
    output: Annotated[Path, typer.Argument(metavar="OUT.pb", show_default=False)],
    *,
    weights: Annotated[
        Path | None, typer.Option(help="A .safetensors file.", show_default="built in")
    ] = None,
    caffe: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder with det1.caffemodel to det3.caffemodel; det4, if there, refines "
            "landmarks.",
            show_default=False,
        ),
    ] = None,
    geometry: Annotated[
        Literal["accurate", "reference"],
        typer.Option(help="accurate finds more faces; reference matches the tf-mtcnn graph."),
    ] = "accurate",
    average_landmarks: Annotated[
        bool,
        typer.Option(
            "--average-landmarks",
            help="Run O-Net two more times per face, once mirrored, for more accurate landmarks.",
        ),
    ] = False,
) -> None:
    """Build MTCNN as a single frozen graph.

    Examples:

        facedetect freeze mtcnn.pb

        facedetect freeze mtcnn.pb --geometry reference

        facedetect freeze mtcnn.pb --caffe models/author --average-landmarks
    """
    from facedetect.model import freeze as model
    from facedetect.mtcnn.geometry import named_geometry

    chosen = named_geometry(geometry, averages_landmarks=average_landmarks)
    model.freeze(output, weights=weights, caffe=caffe, geometry=chosen)
    typer.echo(f"{output}: {output.stat().st_size} bytes")
