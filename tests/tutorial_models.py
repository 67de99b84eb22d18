"""SavedModels as written in tutorials, without any of our code."""

from __future__ import annotations

from pathlib import Path

from facedetect.model import tensorflow as tf

tf1 = tf.compat.v1

PARAMETERS = ("min_size", "thresholds", "factor")
FACES = ("prob", "landmarks", "box")


def save_mtcnn(frozen: Path, folder: Path) -> Path:
    """Write a frozen MTCNN graph as a version with `serving_default` alone: pixels as float32."""
    graph_def = tf1.GraphDef.FromString(frozen.read_bytes())
    with tf.Graph().as_default() as graph, tf1.Session(graph=graph) as session:
        tf.import_graph_def(graph_def, name="")
        tensors = {
            name: graph.get_tensor_by_name(f"{name}:0") for name in ("input", *PARAMETERS, *FACES)
        }
        signature = tf1.saved_model.predict_signature_def(
            {name: tensors[name] for name in ("input", *PARAMETERS)},
            {name: tensors[name] for name in FACES},
        )
        builder = tf1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(
            session, ["serve"], signature_def_map={"serving_default": signature}
        )
        builder.save()
    return folder
