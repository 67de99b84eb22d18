"""`facedetect inspect`: list the tensors and signatures of a model."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facedetect.cli.console_table import print_table

if TYPE_CHECKING:
    from facedetect.model.inspect import TensorSummary


def inspect(
    model: Annotated[Path, typer.Argument(metavar="MODEL", show_default=False)],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List a model's signatures, and its possible inputs and outputs.

    MODEL is a frozen graph, a checkpoint folder or the folder of a SavedModel.

    Example:

        facedetect inspect models/mtcnn
    """
    from facedetect.model.inspect import inspect_model

    summary = inspect_model(model)
    if as_json:
        typer.echo(json.dumps(asdict(summary), indent=2))
        return
    typer.echo(f"{summary.path}: {summary.kind}")
    tensors = {"Possible inputs": summary.inputs, "Possible outputs": summary.outputs}
    for title, listed in tensors.items():
        print_table(("tensor", "type", "shape"), map(_cells, listed), title=title)
    for signature in summary.signatures:
        for kind, named in (("inputs", signature.inputs), ("outputs", signature.outputs)):
            rows = [(name, *_cells(tensor)) for name, tensor in named.items()]
            title = f"{signature.name}: {kind}"
            print_table(("name", "tensor", "type", "shape"), rows, title=title)


def _cells(tensor: TensorSummary) -> tuple[str, str, str]:
    shape = "any rank" if tensor.shape is None else str(tensor.shape).replace("-1", "?")
    return tensor.name, tensor.dtype, shape
