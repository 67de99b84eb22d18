"""Matching the boxes of two frames: nearest pairs first."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from facedetect.video.trajectory import Floats

# Rows of the distance matrix at a time: all of it would be 72 MB for 3,000 boxes a frame.
_ROWS = 64


def match_boxes(first: Floats, second: Floats, max_distance: float) -> list[tuple[int, int]]:
    """Pair each box with at most one other, the nearest pairs first; see `near_pairs`.

    Greedy: a pair is made even if another choice would let more boxes find a partner.
    """
    matches = []
    rows: set[int] = set()
    columns: set[int] = set()
    for row, column in near_pairs(first, second, max_distance):
        if row not in rows and column not in columns:
            rows.add(row)
            columns.add(column)
            matches.append((row, column))
    return matches


def near_pairs(first: Floats, second: Floats, max_distance: float) -> Iterator[tuple[int, int]]:
    """Yield all pairs of xyxy boxes [N, 4] and [M, 4] within the distance, nearest first.

    The distance is that of the centres in mean sides, plus the logarithm of the sides' ratio.
    Equal distances come in the order of the boxes.
    """
    xs, ys, sides = _centres_and_sides(first)
    other_xs, other_ys, other_sides = _centres_and_sides(second)
    blocks = []
    for begin in range(0, len(first), _ROWS):
        block = np.s_[begin : begin + _ROWS, None]
        centre_distances = np.sqrt((xs[block] - other_xs) ** 2 + (ys[block] - other_ys) ** 2)
        distances = centre_distances / ((sides[block] + other_sides) / 2)
        rows, columns = np.nonzero(distances <= max_distance)
        ratios = sides[begin + rows] / other_sides[columns]
        blocks.append((distances[rows, columns] + np.abs(np.log(ratios)), begin + rows, columns))
    distances, rows, columns = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    for index in np.argsort(distances, kind="stable"):  # found in the order of the boxes
        if distances[index] > max_distance:
            break
        yield int(rows[index]), int(columns[index])


def _centres_and_sides(boxes: Floats) -> tuple[Floats, Floats, Floats]:
    """The centres' x and y, and the geometric means of width and height."""
    widths, heights = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    xs, ys = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
    return xs, ys, np.sqrt(widths * heights)
