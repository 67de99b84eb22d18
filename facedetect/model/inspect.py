"""Summarise a model file: its signatures, possible inputs and possible outputs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from facedetect.model.graph_files import (
    GraphKind,
    import_graph,
    kind_of,
    read_meta_graph,
    version_folder,
)
from facedetect.model.training_graph import INPUT_OPS, is_of_saver, is_trained, predictions
from facedetect.tfserving.tensor_json import array_to_json

# Ops that may end a graph without being results.
_NO_RESULTS = {
    *("Const", "Exit", "Placeholder", "ReadVariableOp", "VarHandleOp", "VarIsInitializedOp"),
    "VariableV2",
}


@dataclass(frozen=True)
class TensorSummary:
    """`shape` has -1 for any size and is None for any rank."""

    name: str
    dtype: str
    shape: list[int] | None


@dataclass(frozen=True)
class SignatureSummary:
    """`defaults` are the values of inputs that a call may leave out."""

    name: str
    inputs: dict[str, TensorSummary]
    outputs: dict[str, TensorSummary]
    defaults: dict[str, Any]


@dataclass(frozen=True)
class ModelSummary:
    """Frozen graphs and checkpoints have possible inputs and outputs, SavedModels signatures."""

    path: str
    kind: str
    inputs: list[TensorSummary]
    outputs: list[TensorSummary]
    signatures: list[SignatureSummary]


def inspect_model(path: Path) -> ModelSummary:
    """Summarise a frozen graph, a checkpoint or a SavedModel; raises InvalidModel."""
    kind = kind_of(path)
    if kind is GraphKind.SAVED_MODEL:
        path = version_folder(path)
    meta_graph_def = read_meta_graph(path, kind)
    signatures = [
        _summarise_signature(name, definition)
        for name, definition in sorted(meta_graph_def.signature_def.items())
        if not name.startswith("__")  # TensorFlow's own
    ]
    if kind is GraphKind.SAVED_MODEL and signatures:
        return ModelSummary(str(path), kind.value, [], [], signatures)
    graph = import_graph(meta_graph_def.graph_def, path)
    return ModelSummary(
        path=str(path),
        kind=kind.value,
        inputs=[_summarise_tensor(tensor) for tensor in possible_inputs(graph)],
        outputs=[_summarise_tensor(tensor) for tensor in possible_outputs(graph)],
        signatures=[],
    )


def _summarise_signature(name: str, definition: tf.compat.v1.SignatureDef) -> SignatureSummary:
    return SignatureSummary(
        name,
        _summarise(definition.inputs),
        _summarise(definition.outputs),
        {
            key: array_to_json(tf.make_ndarray(value), as_text=True)
            for key, value in definition.defaults.items()
        },
    )


def possible_inputs(graph: tf.Graph) -> list[tf.Tensor]:
    """List the placeholders, except a Saver's."""
    return [
        op.outputs[0]
        for op in graph.get_operations()
        if op.type in INPUT_OPS and not is_of_saver(op)
    ]


def possible_outputs(graph: tf.Graph) -> list[tf.Tensor]:
    """List the predictions of trained layers, and unused tensors that are not the trainer's."""
    found = predictions(graph)
    return found if is_trained(graph) else [*found, *_unused(graph, {t.name for t in found})]


def _unused(graph: tf.Graph, known: Collection[str]) -> Iterator[tf.Tensor]:
    operations = graph.get_operations()
    awaited = {op.name for other in operations for op in other.control_inputs}
    for op in operations:
        if op.type in _NO_RESULTS or op.name in awaited:
            continue
        if not any(output.consumers() for output in op.outputs):
            yield from (tensor for tensor in op.outputs if tensor.name not in known)


def _summarise_tensor(tensor: tf.Tensor) -> TensorSummary:
    shape = None if tensor.shape.rank is None else [-1 if d is None else d for d in tensor.shape]
    return TensorSummary(tensor.name, tensor.dtype.name, shape)


def _summarise(infos: Mapping[str, tf.compat.v1.TensorInfo]) -> dict[str, TensorSummary]:
    return {
        name: TensorSummary(
            info.name,
            tf.dtypes.as_dtype(info.dtype).name,
            None if info.tensor_shape.unknown_rank else [d.size for d in info.tensor_shape.dim],
        )
        for name, info in sorted(infos.items())
    }
