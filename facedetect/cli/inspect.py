"""`facedetect inspect`: what a model file offers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from facedetect.model.inspect import TensorSummary


def inspect(
    model: Annotated[Path, typer.Argument(show_default=False)],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of tables.")] = False,
) -> None:
    """List possible inputs and outputs, and the signatures, of a model.

    MODEL is a frozen graph, a checkpoint folder or a SavedModel's folder.

    Example:

        facedetect inspect models/mtcnn
    """
    from facedetect.model.inspect import inspect_model

    summary = inspect_model(model)
    if as_json:
        typer.echo(json.dumps(asdict(summary), indent=2))
        return
    typer.echo(f"{summary.path}: {summary.kind}")
    console = Console()
    console.print(_table("Possible inputs", ((t.name, t) for t in summary.inputs)))
    console.print(_table("Possible outputs", ((t.name, t) for t in summary.outputs)))
    for signature in summary.signatures:
        console.print(_table(f"{signature.name}: inputs", signature.inputs.items()))
        console.print(_table(f"{signature.name}: outputs", signature.outputs.items()))


def _table(title: str, rows: Iterable[tuple[str, TensorSummary]]) -> Table:
    table = Table("name", "tensor", "type", "shape", title=title, title_justify="left")
    for name, tensor in rows:
        shape = "any rank" if tensor.shape is None else str(tensor.shape)
        table.add_row(name, tensor.name, tensor.dtype, shape.replace("-1", "?"))
    return table
