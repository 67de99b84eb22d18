"""How much boxes overlap, as the WIDER FACE protocol counts it."""

from __future__ import annotations

import numpy as np

from facedetect.evaluation.truth import BoxArray, FloatArray


def overlaps(boxes: BoxArray, others: BoxArray) -> FloatArray:
    """Intersection over union of each box [n, 4] with each other [m, 4]: [n, m], 0..1.

    As in the official evaluation, the last pixel belongs to the box: it is x_max - x_min + 1 wide.
    """
    first, second = boxes[:, None], others[None]
    sides = np.minimum(first[..., 2:], second[..., 2:]) - np.maximum(
        first[..., :2], second[..., :2]
    )
    both = np.maximum(sides + 1, 0).prod(axis=2)
    union = _areas(boxes)[:, None] + _areas(others)[None] - both
    return np.asarray(both / union)


def _areas(boxes: BoxArray) -> FloatArray:
    return np.asarray((boxes[:, 2:] - boxes[:, :2] + 1).prod(axis=1))
