"""Change a frozen graph's input from float32 to uint8."""

from __future__ import annotations

from collections import defaultdict

import tensorflow as tf

# Ops that pass pixels on unchanged, whatever their type.
_CARRIERS = {"Enter", "ExpandDims", "Identity", "Reshape", "StridedSlice", "Switch"}

# Ops with the same result for uint8 as for float32. Three of them interpolate in float32 either way,
# and read a quarter of the bytes.
_READERS = {"CropAndResize", "ResizeArea", "ResizeBilinear", "Shape"}


def with_uint8_input(graph_def: tf.compat.v1.GraphDef, input_name: str) -> tf.compat.v1.GraphDef:
    """Copy the graph, with a uint8 tensor `input_name` and the same results.

    Pixels stay uint8 as far as ops accept it; before all others they are cast.
    """
    result = tf.compat.v1.GraphDef()
    result.CopyFrom(graph_def)
    for node in result.node:
        if node.op == "Placeholder" and node.name == _canonical(input_name):
            node.attr["dtype"].type = tf.uint8.as_datatype_enum
    consumers = _consumers(result)
    retyped = [_canonical(input_name)]
    for tensor in retyped:
        uncast = []
        for node, position in consumers[tensor]:
            if position > 0 or node.op not in _CARRIERS | _READERS:
                uncast.append((node, position))
                continue
            node.attr["T"].type = tf.uint8.as_datatype_enum
            if node.op in _CARRIERS:
                retyped += [node.name, f"{node.name}:1"]  # a Switch has two outputs
        _cast_for(result, tensor, uncast)
    return result


Use = tuple[tf.compat.v1.NodeDef, int]


def _consumers(graph_def: tf.compat.v1.GraphDef) -> dict[str, list[Use]]:
    """The nodes that read each tensor, with the position of that input."""
    consumers = defaultdict(list)
    for node in graph_def.node:
        for position, tensor in enumerate(node.input):
            consumers[_canonical(tensor)].append((node, position))
    return consumers


def _canonical(tensor: str) -> str:
    """A node's name for a tensor, which has no `:0`."""
    return tensor.removesuffix(":0")


def _cast_for(graph_def: tf.compat.v1.GraphDef, tensor: str, uses: list[Use]) -> None:
    if not uses:
        return
    cast = graph_def.node.add(
        name=f"{tensor.replace(':', '_')}/to_float", op="Cast", input=[tensor]
    )
    cast.attr["SrcT"].type = tf.uint8.as_datatype_enum
    cast.attr["DstT"].type = tf.float32.as_datatype_enum
    for node, position in uses:
        node.input[position] = cast.name
