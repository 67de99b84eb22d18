"""Crop boxes out of an image and run a net on them, as TensorFlow ops."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from facedetect.model.loops import concat_rows
from facedetect.model.weights import NEUTRAL

_PARALLEL_CHUNKS = 8


def cut_crops(batched: tf.Tensor, boxes: tf.Tensor, side: int) -> tf.Tensor:
    """Crop boxes [n, 4], in units of the image [1, H, W, 3], to [n, side, side, 3].

    Pixels outside the image are neutral. A box with exchanged ends gives a mirrored crop.
    """
    return tf.image.crop_and_resize(
        batched,
        boxes,
        tf.zeros(tf.shape(boxes)[:1], tf.int32),
        [side, side],
        extrapolation_value=NEUTRAL,
    )


def in_image_units(image: tf.Tensor, boxes: tf.Tensor, origin: int) -> tf.Tensor:
    """Boxes [n, 4] in px -> those of `cut_crops`; see `Geometry.crop_origin`."""
    size_hw = tf.cast(tf.shape(image)[:2], tf.float32)
    return (boxes - float(origin)) / (tf.tile(size_hw, [2]) - float(origin))


def map_chunks(
    run: Callable[[tf.Tensor], tf.Tensor], rows: tf.Tensor, chunk: int, columns: int
) -> tf.Tensor:
    """Run on parts of about `chunk` rows; concatenate the results, each [part's rows, columns]."""
    count = tf.shape(rows)[0]
    chunks = -(-count // chunk)
    size = -(-count // tf.maximum(chunks, 1))
    return concat_rows(
        chunks,
        lambda index: run(rows[index * size : (index + 1) * size]),
        columns,
        parallel=_PARALLEL_CHUNKS,
    )
