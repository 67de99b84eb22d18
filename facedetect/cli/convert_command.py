"""`facedetect convert`: build a SavedModel from a frozen graph or a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facedetect.cli.options import parse_pair
from facedetect.detection_params import DEFAULT_MAX_PYRAMID_PIXELS
from facedetect.images import DEFAULT_MAX_IMAGE_PIXELS

_NAMES_HELP = "NAME=TENSOR, if the graph's names differ or it is not MTCNN. Repeatable."


def convert(  # noqa: PLR0913 - a command's options are its arguments
    source: Annotated[Path, typer.Argument(metavar="FROZEN", show_default=False)],
    output: Annotated[Path, typer.Argument(metavar="OUT", show_default=False)],
    *,
    version: Annotated[
        int, typer.Option(min=0, help="Version number, the name of the folder below OUT.")
    ] = 1,
    inputs: Annotated[list[str] | None, typer.Option("--input", help=_NAMES_HELP)] = None,
    outputs: Annotated[list[str] | None, typer.Option("--output", help=_NAMES_HELP)] = None,
    max_pyramid_pixels: Annotated[
        int, typer.Option(min=1, help="Maximum work per image: pixels of its pyramid.")
    ] = DEFAULT_MAX_PYRAMID_PIXELS,
    max_image_pixels: Annotated[
        int, typer.Option(min=1, help="Maximum size of an encoded image, in pixels.")
    ] = DEFAULT_MAX_IMAGE_PIXELS,
    batching: Annotated[
        bool,
        typer.Option(
            "--batching",
            help="For TensorFlow Serving with --enable_batching: run MTCNN on batches.",
        ),
    ] = False,
) -> None:
    """Convert a frozen graph or a checkpoint to a SavedModel for TensorFlow Serving.

    MTCNN's signatures accept float32 pixels, uint8 pixels, or batches of encoded images with or
    without parameters; the model rejects parameters that are out of range. Any other model gets one
    signature, made of the tensors you name. `facedetect inspect` lists a graph's tensors.

    Examples:

        facedetect convert mtcnn.pb models/mtcnn

        facedetect convert other.pb models/other --input input=image:0 --output prob=scores:0

        facedetect convert classifier/ models/flowers --input x=x:0 --output scores=Softmax:0
    """
    from facedetect.model.convert import convert as convert_graph
    from facedetect.model.guards import WorkLimits

    folder = convert_graph(
        source,
        output,
        version=version,
        inputs=dict(parse_pair("input", pair, "input=image:0") for pair in inputs or []),
        outputs=dict(parse_pair("output", pair, "prob=scores:0") for pair in outputs or []),
        limits=WorkLimits(max_pyramid_pixels, max_image_pixels),
        batching=batching,
    )
    typer.echo(str(folder))
