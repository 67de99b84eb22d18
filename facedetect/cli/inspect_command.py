"""`facedetect inspect`: list the tensors and signatures of a model."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

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
    console = Console()
    console.print(_tensors("Possible inputs", summary.inputs))
    console.print(_tensors("Possible outputs", summary.outputs))
    for signature in summary.signatures:
        console.print(_named_tensors(f"{signature.name}: inputs", signature.inputs))
        console.print(_named_tensors(f"{signature.name}: outputs", signature.outputs))


def _tensors(title: str, tensors: list[TensorSummary]) -> Table:
    table = Table("tensor", "type", "shape", title=title, title_justify="left")
    for tensor in tensors:
        table.add_row(*_cells(tensor))
    return table


def _named_tensors(title: str, tensors: dict[str, TensorSummary]) -> Table:
    table = Table("name", "tensor", "type", "shape", title=title, title_justify="left")
    for name, tensor in tensors.items():
        table.add_row(name, *_cells(tensor))
    return table


def _cells(tensor: TensorSummary) -> tuple[str, str, str]:
    shape = "any rank" if tensor.shape is None else str(tensor.shape).replace("-1", "?")
    return escape(tensor.name), tensor.dtype, escape(shape)
