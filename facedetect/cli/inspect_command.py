"""`facedetect inspect`: list a model's tensors and signatures."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facedetect.cli.console_table import print_table

if TYPE_CHECKING:
    from facedetect.model.inspect import TensorSummary


def inspect(
    model: Annotated[Path, typer.Argument(metavar="MODEL", show_default=False)],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List a SavedModel's signatures, or the possible inputs and outputs of a graph.

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
    for title, listed in (
        ("Possible inputs", summary.inputs),
        ("Possible outputs", summary.outputs),
    ):
        if not summary.signatures:
            print_table(("tensor", "type", "shape"), map(_cells, listed), title=title)
    for signature in summary.signatures:
        inputs = [
            (name, *_cells(tensor), _shown(signature.defaults.get(name)))
            for name, tensor in signature.inputs.items()
        ]
        outputs = [(name, *_cells(tensor)) for name, tensor in signature.outputs.items()]
        headings = ("name", "tensor", "type", "shape")
        print_table((*headings, "default"), inputs, title=f"{signature.name}: inputs")
        print_table(headings, outputs, title=f"{signature.name}: outputs")


def _shown(default: Any) -> str:
    """Format values without the digits that float32 cannot hold."""
    if default is None:
        return ""
    values = default if isinstance(default, list) else [default]
    shown = ", ".join(f"{v:.6g}" if isinstance(v, float) else str(v) for v in values)
    return f"[{shown}]" if isinstance(default, list) else shown


def _cells(tensor: TensorSummary) -> tuple[str, str, str]:
    shape = "any rank" if tensor.shape is None else str(tensor.shape).replace("-1", "?")
    return tensor.name, tensor.dtype, shape
