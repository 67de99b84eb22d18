"""From the weights to a frozen graph."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from facedetect.errors import OutputExists
from facedetect.files import write_whole
from facedetect.model.cascade import Cascade, Inputs
from facedetect.model.geometry import REFERENCE, Geometry
from facedetect.model.loops import in_graph_control_flow
from facedetect.model.weights import Weights, load_weights


def freeze(output: Path, *, weights: Path | None = None, geometry: Geometry = REFERENCE) -> None:
    """Write MTCNN as a frozen graph: inputs and outputs by the names of `build_graph`.

    Raises InvalidModel if the weights cannot be read, OutputExists if `output` is there already.
    """
    if output.exists():
        raise OutputExists(f"{output} exists; remove it or choose another name")
    graph_def = build_graph(load_weights(weights), geometry)
    write_whole(output, graph_def.SerializeToString(deterministic=True))


def build_graph(weights: Weights, geometry: Geometry) -> tf.compat.v1.GraphDef:
    """Build the graph with `input` float32 [H, W, 3] BGR, `min_size` [], `thresholds` [3] and
    `factor` [] as inputs, `prob` [n], `landmarks` [n, 10] and `box` [n, 4] as outputs.
    """
    placeholder = tf.compat.v1.placeholder
    with in_graph_control_flow(), tf.Graph().as_default() as graph:
        inputs = Inputs(
            input=placeholder(tf.float32, [None, None, 3], "input"),
            min_size=placeholder(tf.float32, [], "min_size"),
            thresholds=placeholder(tf.float32, [3], "thresholds"),
            factor=placeholder(tf.float32, [], "factor"),
        )
        outputs = Cascade(weights, geometry).detect(inputs)
        for name, tensor in vars(outputs).items():
            tf.identity(tensor, name)
    names = [*vars(inputs), *vars(outputs)]
    return tf.compat.v1.graph_util.extract_sub_graph(graph.as_graph_def(), names)
