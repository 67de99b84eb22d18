"""Build a frozen graph from the weights."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from facedetect.errors import InvalidSettings, OutputExists
from facedetect.files import write_atomically
from facedetect.model.caffe import read_caffe
from facedetect.model.cascade import Cascade, CascadeInputs
from facedetect.model.loops import in_graph_control_flow
from facedetect.model.signatures import FLOAT
from facedetect.mtcnn.geometry import ACCURATE, Geometry
from facedetect.mtcnn.weights import Weights, arrange, load_weights


def freeze(
    output: Path,
    *,
    weights: Path | None = None,
    caffe: Path | None = None,
    geometry: Geometry = ACCURATE,
) -> None:
    """Write MTCNN as a frozen graph, with the inputs and outputs of `build_graph`.

    The weights come from the .safetensors file `weights` or the author's files in the folder
    `caffe`; by default they are the built-in ones. Raises InvalidModel if they cannot be read,
    InvalidSettings if both are given, OutputExists if `output` exists.
    """
    if weights is not None and caffe is not None:
        raise InvalidSettings("weights and caffe cannot be combined; give one of them")
    if output.exists():
        raise OutputExists(f"{output} exists; remove it or choose another name")
    loaded = load_weights(weights) if caffe is None else arrange(read_caffe(caffe), caffe)
    graph_def = build_graph(loaded, geometry)
    write_atomically(output, graph_def.SerializeToString(deterministic=True))


def build_graph(weights: Weights, geometry: Geometry) -> tf.compat.v1.GraphDef:
    """Build the graph, whose inputs and outputs have the names of `signatures.FLOAT`."""
    with in_graph_control_flow(), tf.Graph().as_default() as graph:
        inputs = {
            name: tf.compat.v1.placeholder(spec.dtype, spec.shape, name)
            for name, spec in FLOAT.inputs.items()
        }
        outputs = Cascade(weights, geometry).detect(CascadeInputs(**inputs))
        for name, tensor in vars(outputs).items():
            tf.identity(tensor, name)
    names = [*inputs, *vars(outputs)]
    return tf.compat.v1.graph_util.extract_sub_graph(graph.as_graph_def(), names)
