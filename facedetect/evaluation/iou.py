"""Intersection over union, as the WIDER FACE evaluation computes it."""

from __future__ import annotations

import numpy as np

from facedetect.arrays import Float64Array
from facedetect.evaluation.dataset import BoxArray


def iou_matrix(boxes: BoxArray, others: BoxArray) -> Float64Array:
    """Return the IoU of each box [n, 4] with each of the others [m, 4]: [n, m], 0..1.

    As in the official evaluation, boxes include their last pixel: a box is x_max - x_min + 1 wide.
    """
    first, second = boxes[:, None], others[None]
    sides = np.minimum(first[..., 2:], second[..., 2:]) - np.maximum(
        first[..., :2], second[..., :2]
    )
    intersection = np.maximum(sides + 1, 0).prod(axis=2)
    union = _areas(boxes)[:, None] + _areas(others)[None] - intersection
    return np.asarray(intersection / union)


def _areas(boxes: BoxArray) -> Float64Array:
    return np.asarray((boxes[:, 2:] - boxes[:, :2] + 1).prod(axis=1))
