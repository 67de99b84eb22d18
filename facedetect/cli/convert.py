"""`facedetect convert`: a frozen graph or a checkpoint as a SavedModel."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facedetect.errors import InvalidSettings

_NAMES_HELP = "Where the graph calls it differently: NAME=TENSOR. May be given several times."


def convert(
    source: Annotated[Path, typer.Argument(metavar="FROZEN", show_default=False)],
    output: Annotated[Path, typer.Argument(metavar="OUT", show_default=False)],
    *,
    version: Annotated[int, typer.Option(min=0, help="The folder below OUT.")] = 1,
    inputs: Annotated[list[str] | None, typer.Option("--input", help=_NAMES_HELP)] = None,
    outputs: Annotated[list[str] | None, typer.Option("--output", help=_NAMES_HELP)] = None,
) -> None:
    """Write a SavedModel for TensorFlow Serving from a frozen MTCNN graph or a checkpoint folder.

    The signature takes input, min_size, thresholds and factor and gives prob, landmarks and box.
    `facedetect inspect` shows what a graph calls them.

    Examples:

        facedetect convert mtcnn.pb models/mtcnn

        facedetect convert other.pb models/other --input input=image:0 --output prob=scores:0
    """
    from facedetect.model.convert import convert as convert_graph

    folder = convert_graph(
        source,
        output,
        version=version,
        inputs=_parse_names(inputs),
        outputs=_parse_names(outputs),
    )
    typer.echo(str(folder))


def _parse_names(pairs: list[str] | None) -> dict[str, str]:
    names = {}
    for pair in pairs or []:
        name, equals, tensor = pair.partition("=")
        if not (name and equals and tensor):
            raise InvalidSettings(f"{pair!r} is not NAME=TENSOR, such as input=image:0")
        names[name] = tensor
    return names
