"""Models other than MTCNN: build a signature from named tensors, and the graph behind it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import tensorflow as tf

from facedetect.errors import InvalidModel
from facedetect.model.graph_files import GraphFile, GraphKind, import_graph
from facedetect.model.inspect import possible_inputs, possible_outputs
from facedetect.model.training_graph import VARIABLE_OPS


def describe_other_model(
    file: GraphFile, inputs: Mapping[str, str], outputs: Mapping[str, str]
) -> tuple[tf.compat.v1.GraphDef, dict[str, tf.compat.v1.SignatureDef]]:
    """Return the frozen graph and the signature `serving_default` of the named tensors.

    Raises InvalidModel if a tensor does not exist, the outputs need an unnamed input, or the values
    of the graph's variables are not in it.
    """
    for key, name in inputs.items():
        require_tensor("input", key, name, file)
    ends = [require_tensor("output", key, name, file) for key, name in outputs.items()]
    _check_needed(file, inputs.values(), ends)
    names = [*inputs.values(), *outputs.values()]
    operations = [name.split(":")[0] for name in names]
    graph_def = tf.compat.v1.graph_util.extract_sub_graph(file.freeze(names), operations)
    graph = import_graph(graph_def, file.path)
    saved_model = tf.compat.v1.saved_model
    with graph.as_default():
        infos = [
            {
                name: saved_model.build_tensor_info(graph.get_tensor_by_name(tensor))
                for name, tensor in tensors.items()
            }
            for tensors in (inputs, outputs)
        ]
    method = saved_model.signature_constants.PREDICT_METHOD_NAME
    return graph_def, {"serving_default": saved_model.build_signature_def(*infos, method)}


def require_tensor(kind: str, key: str, name: str, file: GraphFile) -> tf.Tensor:
    """Return the tensor for the input or output (`kind`) `key`; raises InvalidModel."""
    try:
        return file.graph.get_tensor_by_name(name)
    except (KeyError, ValueError) as error:
        candidates = possible_inputs if kind == "input" else possible_outputs
        known = ", ".join(tensor.name for tensor in candidates(file.graph))
        raise InvalidModel(
            f"{file.path} has no tensor {name}; name the one for {key} with --{kind} {key}=TENSOR, "
            f"possibly one of: {known}"
        ) from error


def _check_needed(file: GraphFile, inputs: Iterable[str], outputs: Iterable[tf.Tensor]) -> None:
    """Check that everything between inputs and outputs has a value of its own."""
    given = set(inputs)
    waiting = [*outputs]
    seen = set()
    while waiting:
        tensor = waiting.pop()
        if tensor.name in given or tensor.op.name in seen:
            continue
        seen.add(tensor.op.name)
        if tensor.op.type == "Placeholder":
            raise InvalidModel(
                f"the outputs also need {tensor.name}; name it with --input NAME={tensor.name}"
            )
        if tensor.op.type in VARIABLE_OPS and file.kind is GraphKind.FROZEN_GRAPH:
            raise InvalidModel(
                f"{file.path} is not frozen: it lacks the value of {tensor.op.name}; give the "
                "folder of a checkpoint"
            )
        waiting += tensor.op.inputs
        waiting += (t for op in tensor.op.control_inputs for t in op.inputs)
