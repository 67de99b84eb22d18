"""Training graphs: tell the model's outputs from the trainer's tensors."""

from __future__ import annotations

import tensorflow as tf

INPUT_OPS = {"Placeholder", "PlaceholderWithDefault"}
VARIABLE_OPS = {"Variable", "VariableV2", "VarHandleOp"}

# The ops that models end with; losses and metrics end with others.
_FINAL_OPS = {
    *("Add", "AddV2", "ArgMax", "BiasAdd", "Identity", "LogSoftmax", "MatMul", "Relu", "Reshape"),
    *("Sigmoid", "Softmax", "Squeeze", "Tanh", "TopKV2"),
}
_SAVER_OPS = {"SaveV2", "RestoreV2", "MergeV2Checkpoints", "ShardedFilename"}


def is_trained(graph: tf.Graph) -> bool:
    """Return whether an optimizer updates variables in the graph."""
    return any("Apply" in op.type for op in graph.get_operations())


def is_of_saver(op: tf.Operation) -> bool:
    """Return whether a placeholder is a Saver's, for a file name."""
    users = [user for output in op.outputs for user in output.consumers()]
    return any(
        user.type in _SAVER_OPS or (user.type in INPUT_OPS and is_of_saver(user)) for user in users
    )


def predictions(graph: tf.Graph) -> list[tf.Tensor]:
    """List what the last layers compute from inputs rather than labels.

    A layer combines values with a variable; an input that feeds no layer is a label.
    """
    forward = [op for op in graph.get_operations() if not _is_of_trainer(op)]
    sources, layers = _trace(forward)
    inputs = set().union(*(sources[name] for name in layers))
    known = {op.name for op in forward}
    before_layers: set[str] = set()
    listed: set[str] = set()
    final: list[tf.Operation] = []
    for op in reversed(forward):
        users = {user.name for tensor in op.outputs for user in tensor.consumers()} & known
        if users & (layers | before_layers):
            before_layers.add(op.name)
        elif op.type in _FINAL_OPS and sources[op.name] and sources[op.name] <= inputs:
            if not users or users - listed:  # else it is a step toward a listed one
                final.append(op)
            listed.add(op.name)
    return [tensor for op in reversed(final) for tensor in op.outputs]


def _trace(forward: list[tf.Operation]) -> tuple[dict[str, set[str]], set[str]]:
    """Return the inputs that each op depends on, and the layers."""
    sources: dict[str, set[str]] = {}
    weights: set[str] = set()  # computed only from variables
    layers: set[str] = set()
    for op in forward:  # in topological order
        used = {tensor.op.name for tensor in op.inputs}
        sources[op.name] = set().union(*(sources.get(name, set()) for name in used))
        if op.type in INPUT_OPS and not is_of_saver(op):
            sources[op.name] = {op.name}
        elif op.type in VARIABLE_OPS or weights & used:
            (layers if sources[op.name] else weights).add(op.name)
    return sources, layers


def _is_of_trainer(op: tf.Operation) -> bool:
    is_gradient = any(part.startswith("gradients") for part in op.name.split("/")[:-1])
    return is_gradient or op.type.endswith("Summary") or "Apply" in op.type or "Assign" in op.type
