"""Crops of boxes, resized to what a net takes."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from facedetect.model.loops import concat_rows
from facedetect.model.weights import NEUTRAL

_PARALLEL_CHUNKS = 8


def cut_crops(batched: tf.Tensor, boxes: tf.Tensor, side: int) -> tf.Tensor:
    """Cut boxes [n, 4], in units of the image [1, H, W, 3], out of it: [n, side, side, 3].

    What lies outside of the image is neutral; a box whose ends are exchanged is mirrored.
    """
    return tf.image.crop_and_resize(
        batched,
        boxes,
        tf.zeros(tf.shape(boxes)[:1], tf.int32),
        [side, side],
        extrapolation_value=NEUTRAL,
    )


def in_units_of(image: tf.Tensor, boxes: tf.Tensor, origin: int) -> tf.Tensor:
    """Boxes [n, 4] in px as `cut_crops` takes them; see `Geometry.crop_origin`."""
    size_hw = tf.cast(tf.shape(image)[:2], tf.float32)
    return (boxes - float(origin)) / (tf.tile(size_hw, [2]) - float(origin))


def map_chunks(
    run: Callable[[tf.Tensor], tf.Tensor], rows: tf.Tensor, chunk: int, columns: int
) -> tf.Tensor:
    """Concatenate run(part), each [part's rows, columns], over parts of about `chunk` rows."""
    count = tf.shape(rows)[0]
    chunks = -(-count // chunk)
    size = -(-count // tf.maximum(chunks, 1))
    return concat_rows(
        chunks,
        lambda index: run(rows[index * size : (index + 1) * size]),
        columns,
        parallel=_PARALLEL_CHUNKS,
    )
