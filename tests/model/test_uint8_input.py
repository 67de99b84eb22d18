"""The same graph for uint8 images."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from facedetect.model.loops import in_graph_control_flow
from facedetect.model.uint8_input import with_uint8_input

IMAGE = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)


def graph_with_every_use() -> tf.compat.v1.GraphDef:
    """Reads the image as it is, cast, inside and outside of a loop and of branches."""
    with in_graph_control_flow(), tf.Graph().as_default() as graph:
        image = tf.compat.v1.placeholder(tf.float32, [None, None, 3], "input")
        batched = image[tf.newaxis]
        resized = tf.raw_ops.ResizeBilinear(images=batched, size=[7, 9])
        boxes = [[0.1, 0.2, 0.8, 0.9]]

        def add(index: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            crops = tf.image.crop_and_resize(batched, boxes, [0], [4, 4])
            return index + 1, total + tf.reduce_sum(crops) + tf.reduce_mean(batched * 0.5)

        _, total = tf.compat.v1.while_loop(
            lambda index, _: index < 3, add, (tf.constant(0), tf.constant(0.0))
        )
        size = tf.cast(tf.reduce_sum(tf.shape(image)), tf.float32)
        found = (resized, image / 3, size, total, *branches(batched))
        pixels = [tf.reshape(tensor, [-1]) for tensor in found]
        tf.concat(pixels, axis=0, name="found")
    return graph.as_graph_def()


def branches(batched: tf.Tensor) -> list[tf.Tensor]:
    """What is read where a condition holds and where it does not, each of them once taken."""
    return [
        tf.compat.v1.cond(
            tf.shape(batched)[1] > rows,
            lambda: tf.raw_ops.ResizeArea(images=batched, size=[7, 9]),
            lambda: tf.raw_ops.ResizeArea(images=batched, size=[3, 11]) + batched[:, :1, :1] / 3,
        )
        for rows in (10, 50)
    ]


def run(graph_def: tf.compat.v1.GraphDef, image: np.ndarray) -> np.ndarray:
    with tf.Graph().as_default() as graph, tf.compat.v1.Session(graph=graph) as session:
        fed = tf.compat.v1.placeholder(tf.as_dtype(image.dtype), [None, None, 3])
        (found,) = tf.graph_util.import_graph_def(
            graph_def, input_map={"input:0": fed}, return_elements=["found:0"]
        )
        result: np.ndarray = session.run(found, {fed: image})
    return result


def test_results_are_equal_bit_for_bit() -> None:
    graph_def = graph_with_every_use()
    for_uint8 = with_uint8_input(graph_def, "input:0")
    assert np.array_equal(run(for_uint8, IMAGE), run(graph_def, IMAGE.astype(np.float32)))


def test_only_what_needs_float32_gets_a_cast() -> None:
    graph_def = graph_with_every_use()
    for_uint8 = with_uint8_input(graph_def, "input")
    before = {node.name for node in graph_def.node}
    casts = [node for node in for_uint8.node if node.name not in before]
    assert {node.op for node in casts} == {"Cast"}
    assert len(casts) == 4, "one outside the loop, one inside, one in a branch of each condition"
    types = {node.op: node.attr["T"].type for node in for_uint8.node if "T" in node.attr}
    uint8 = tf.uint8.as_datatype_enum
    readers = "CropAndResize", "ResizeArea", "ResizeBilinear"
    assert {types[reader] for reader in readers} == {uint8}
