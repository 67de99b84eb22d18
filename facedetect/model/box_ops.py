"""TensorFlow ops on boxes y1, x1, y2, x2 and landmarks y1..y5, x1..x5, in pixels."""

from __future__ import annotations

import tensorflow as tf

from facedetect.mtcnn.weights import NEUTRAL

# Mirroring a face swaps its eyes and its mouth corners.
MIRRORED_POINTS = (1, 0, 2, 4, 3)


def regress(boxes: tf.Tensor, offsets: tf.Tensor, extent: int) -> tf.Tensor:
    """Move each edge by its offset in units of the side, y2 - y1 + extent; [n, 4] each."""
    size_hw = boxes[:, 2:] - boxes[:, :2] + float(extent)
    return boxes + tf.concat([size_hw, size_hw], axis=1) * offsets


def square(boxes: tf.Tensor) -> tf.Tensor:
    """Extend the shorter side around the centre to the longer one; a side is y2 - y1 + 1."""
    size_hw = boxes[:, 2:] - boxes[:, :2] + 1.0
    growth = (tf.reduce_max(size_hw, axis=1, keepdims=True) - size_hw) * 0.5
    return boxes + tf.concat([-growth, growth], axis=1)


def truncate(boxes: tf.Tensor) -> tf.Tensor:
    """Round each edge toward zero."""
    return tf.cast(tf.cast(boxes, tf.int32), tf.float32)


def place_landmarks(boxes: tf.Tensor, positions: tf.Tensor) -> tf.Tensor:
    """Landmarks [n, 10] in units of their boxes -> pixels."""
    origin = tf.repeat(boxes[:, :2], 5, axis=1)
    size_hw = tf.repeat(boxes[:, 2:] - boxes[:, :2], 5, axis=1)
    return origin + size_hw * positions


def mirror_offsets(offsets: tf.Tensor) -> tf.Tensor:
    """Mirror landmarks [n, 10], given as offsets from the middle of the crop."""
    ys, xs = tf.split(offsets, 2, axis=1)
    return tf.concat([tf.gather(part, MIRRORED_POINTS, axis=1) for part in (ys, -xs)], axis=1)


def cut_crops(batched: tf.Tensor, boxes: tf.Tensor, side: int) -> tf.Tensor:
    """Crop boxes [n, 4], in units of the image [1, H, W, 3], to [n, side, side, 3].

    Pixels outside the image are neutral. A box with swapped ends gives a mirrored crop.
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
