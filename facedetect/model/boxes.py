"""Geometry of boxes and landmarks as TensorFlow ops.

A box is y1, x1, y2, x2 in pixels; landmarks are y1..y5, x1..x5.
"""

from __future__ import annotations

import tensorflow as tf

# In a mirrored face the eyes have changed places, and the corners of the mouth.
MIRRORED_POINTS = (1, 0, 2, 4, 3)


def regress(boxes: tf.Tensor, offsets: tf.Tensor, extent: int) -> tf.Tensor:
    """Move each edge by its offset in units of the box's height and width; [n, 4] each.

    Sides are counted as y2 - y1 + extent.
    """
    size_hw = boxes[:, 2:] - boxes[:, :2] + float(extent)
    return boxes + tf.concat([size_hw, size_hw], axis=1) * offsets


def square(boxes: tf.Tensor) -> tf.Tensor:
    """Grow the shorter side about the centre to the longer one, sides counted as y2 - y1 + 1."""
    size_hw = boxes[:, 2:] - boxes[:, :2] + 1.0
    growth = (tf.reduce_max(size_hw, axis=1, keepdims=True) - size_hw) * 0.5
    return boxes + tf.concat([-growth, growth], axis=1)


def truncate(boxes: tf.Tensor) -> tf.Tensor:
    """Move each edge to a whole pixel, toward zero."""
    return tf.cast(tf.cast(boxes, tf.int32), tf.float32)


def place_landmarks(boxes: tf.Tensor, positions: tf.Tensor) -> tf.Tensor:
    """Positions in units of the box, [n, 10] as y1..y5, x1..x5 -> pixels."""
    origin = tf.repeat(boxes[:, :2], 5, axis=1)
    size_hw = tf.repeat(boxes[:, 2:] - boxes[:, :2], 5, axis=1)
    return origin + size_hw * positions


def mirror_offsets(offsets: tf.Tensor) -> tf.Tensor:
    """Landmarks [n, 10], as offsets from the middle of what was mirrored, of the mirror image."""
    ys, xs = tf.split(offsets, 2, axis=1)
    return tf.concat([tf.gather(part, MIRRORED_POINTS, axis=1) for part in (ys, -xs)], axis=1)


def suppress(boxes: tf.Tensor, scores: tf.Tensor, overlap: float, limit: int) -> tf.Tensor:
    """Indices of the boxes that survive non-maximum suppression, best first."""
    return tf.image.non_max_suppression(boxes, scores, limit, iou_threshold=overlap)
