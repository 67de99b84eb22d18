"""A graph with MTCNN's interface and without nets, which is soon converted and loaded."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

tf1 = tf.compat.v1

INPUTS = {
    "input": ("float32", [-1, -1, 3]),
    "min_size": ("float32", []),
    "thresholds": ("float32", [3]),
    "factor": ("float32", []),
}
OUTPUTS = {
    "prob": ("float32", [-1]),
    "landmarks": ("float32", [-1, 10]),
    "box": ("float32", [-1, 4]),
}


def simple_graph(names: dict[str, str], *, with_variable: bool = False) -> tf.Graph:
    """A graph with MTCNN's interface that finds one face: the image's corners as box."""
    with tf.Graph().as_default() as graph:
        image = tf1.placeholder(tf.float32, [None, None, 3], names["input"])
        min_size = tf1.placeholder(tf.float32, [], names["min_size"])
        thresholds = tf1.placeholder(tf.float32, [3], names["thresholds"])
        factor = tf1.placeholder(tf.float32, [], names["factor"])
        half = tf1.get_variable("half", initializer=0.5) if with_variable else tf.constant(0.5)
        size = tf.cast(tf.shape(image)[:2], tf.float32)
        score = thresholds[:1] * 0 + half + 0 * (min_size + factor)
        tf.identity(score, names["prob"])
        tf.identity(tf.zeros([1, 10]), names["landmarks"])
        tf.identity(tf.concat([[[0.0, 0.0]], size[tf.newaxis]], axis=1), names["box"])
    return graph


OWN_NAMES = {name: name for name in [*INPUTS, *OUTPUTS]}


def write_graph(graph: tf.Graph, path: Path) -> Path:
    path.write_bytes(graph.as_graph_def().SerializeToString())
    return path
