"""Geometry of boxes as TensorFlow ops. A box is y1, x1, y2, x2 in pixels."""

from __future__ import annotations

import tensorflow as tf


def regress(boxes: tf.Tensor, offsets: tf.Tensor) -> tf.Tensor:
    """Move each edge by its offset in units of the box's own height and width; [n, 4] each."""
    size_hw = boxes[:, 2:] - boxes[:, :2]
    return boxes + tf.concat([size_hw, size_hw], axis=1) * offsets


def square(boxes: tf.Tensor) -> tf.Tensor:
    """Grow the shorter side about the centre to the longer one, sides counted as y2 - y1 + 1."""
    size_hw = boxes[:, 2:] - boxes[:, :2] + 1.0
    growth = (tf.reduce_max(size_hw, axis=1, keepdims=True) - size_hw) * 0.5
    return boxes + tf.concat([-growth, growth], axis=1)


def place_landmarks(boxes: tf.Tensor, positions: tf.Tensor) -> tf.Tensor:
    """Positions in units of the box, [n, 10] as y1..y5, x1..x5 -> pixels."""
    origin = tf.repeat(boxes[:, :2], 5, axis=1)
    size_hw = tf.repeat(boxes[:, 2:] - boxes[:, :2], 5, axis=1)
    return origin + size_hw * positions


def suppress(boxes: tf.Tensor, scores: tf.Tensor, overlap: float, limit: int) -> tf.Tensor:
    """Indices of the boxes that survive non-maximum suppression, best first."""
    return tf.image.non_max_suppression(boxes, scores, limit, iou_threshold=overlap)
