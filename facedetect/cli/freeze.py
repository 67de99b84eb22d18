"""`facedetect freeze`: the weights as a frozen graph."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def freeze(
    output: Annotated[Path, typer.Argument(metavar="OUT.pb", show_default=False)],
    *,
    weights: Annotated[
        Path | None, typer.Option(help="Weights as .safetensors.", show_default="the package's own")
    ] = None,
) -> None:
    """Build the frozen MTCNN graph.

    Example:

        facedetect freeze mtcnn.pb
    """
    from facedetect.model import freeze as model

    model.freeze(output, weights=weights)
    typer.echo(f"{output}: {output.stat().st_size} bytes")
