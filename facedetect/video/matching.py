"""Find boxes of two frames that are near each other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from facedetect.video.trajectory import Floats

# Rows of the distance matrix per step: all of it would be 72 MB for 3,000 boxes per frame.
_ROWS = 64


def near_pairs(first: Floats, second: Floats, max_distance: float) -> Iterator[tuple[int, int]]:
    """Yield all pairs of xyxy boxes [N, 4] and [M, 4] within the distance, nearest first.

    The distance is that of the centres in units of the mean side, plus the logarithm of the side
    ratio. Ties are in the order of the boxes.
    """
    xs, ys, sides = _centres_and_sides(first)
    other_xs, other_ys, other_sides = _centres_and_sides(second)
    blocks = []
    for begin in range(0, len(first), _ROWS):
        block = np.s_[begin : begin + _ROWS, None]
        centre_distances = np.sqrt((xs[block] - other_xs) ** 2 + (ys[block] - other_ys) ** 2)
        distances = centre_distances / ((sides[block] + other_sides) / 2)
        distances += np.abs(np.log(sides[block] / other_sides))
        rows, columns = np.nonzero(distances <= max_distance)
        blocks.append((distances[rows, columns], begin + rows, columns))
    distances, rows, columns = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    order = np.argsort(distances, kind="stable")  # keeps the order of the boxes
    yield from zip(rows[order].tolist(), columns[order].tolist(), strict=True)


def _centres_and_sides(boxes: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the centres' x and y, and the geometric means of width and height."""
    widths, heights = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    xs, ys = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
    return xs, ys, np.sqrt(widths * heights)
