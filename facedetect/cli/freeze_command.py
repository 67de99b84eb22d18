"""`facedetect freeze`: the weights as a frozen graph."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer


def freeze(
    output: Annotated[Path, typer.Argument(metavar="OUT.pb", show_default=False)],
    *,
    weights: Annotated[
        Path | None, typer.Option(help="Weights as .safetensors.", show_default="the package's own")
    ] = None,
    caffe: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="The author's det1 to det3.caffemodel; with det4, which refines landmarks.",
            show_default=False,
        ),
    ] = None,
    geometry: Annotated[
        Literal["accurate", "reference"],
        typer.Option(help="accurate finds more; reference equals the published tf-mtcnn graph."),
    ] = "accurate",
    average_landmarks: Annotated[
        bool,
        typer.Option(
            "--average-landmarks",
            help="Look at each face twice more, once mirrored, for landmarks that lie closer.",
        ),
    ] = False,
) -> None:
    """Build MTCNN as one frozen graph.

    Examples:

        facedetect freeze mtcnn.pb

        facedetect freeze mtcnn.pb --geometry reference

        facedetect freeze mtcnn.pb --caffe models/author --average-landmarks
    """
    from facedetect.model import freeze as model
    from facedetect.model.geometry import named_geometry

    chosen = named_geometry(geometry, averages_landmarks=average_landmarks)
    model.freeze(output, weights=weights, caffe=caffe, geometry=chosen)
    typer.echo(f"{output}: {output.stat().st_size} bytes")
