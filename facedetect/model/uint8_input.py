"""Change a frozen graph's input from float32 to uint8."""

from __future__ import annotations

from collections import defaultdict

import tensorflow as tf

# Ops that pass pixels through unchanged, whatever their type.
_CARRIERS = {"Enter", "ExpandDims", "Identity", "Reshape", "StridedSlice", "Switch"}

# Ops with equal results for uint8 and float32. Three of them interpolate in float32 either way,
# and now read a quarter of the bytes.
_READERS = {"CropAndResize", "ResizeArea", "ResizeBilinear", "Shape"}


def with_uint8_input(graph_def: tf.compat.v1.GraphDef, input_name: str) -> tf.compat.v1.GraphDef:
    """Copy the graph, with a uint8 tensor `input_name` and the same results.

    Pixels stay uint8 as long as ops accept it; before all others they are cast.
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
        if uncast:
            cast = _add_cast(result, tensor)
            for node, position in uncast:
                node.input[position] = cast
    return result


def _consumers(
    graph_def: tf.compat.v1.GraphDef,
) -> dict[str, list[tuple[tf.compat.v1.NodeDef, int]]]:
    """Map each tensor to the nodes that read it, with the input's position."""
    consumers = defaultdict(list)
    for node in graph_def.node:
        for position, tensor in enumerate(node.input):
            consumers[_canonical(tensor)].append((node, position))
    return consumers


def _canonical(tensor: str) -> str:
    """Return a tensor's name as nodes write it, without `:0`."""
    return tensor.removesuffix(":0")


def _add_cast(graph_def: tf.compat.v1.GraphDef, tensor: str) -> str:
    """Add a cast of the tensor to float32; return its name."""
    name = f"{tensor.replace(':', '_')}/to_float"
    cast = graph_def.node.add(name=name, op="Cast", input=[tensor])
    cast.attr["SrcT"].type = tf.uint8.as_datatype_enum
    cast.attr["DstT"].type = tf.float32.as_datatype_enum
    return name
