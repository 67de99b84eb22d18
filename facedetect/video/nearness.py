"""Which boxes of two frames are near each other: among thousands, without asking for all pairs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from facedetect.video.course import Floats

# Neighbours are compared together; more would be more that are not near.
_ROWS = 32


def nearest_first(first: Floats, second: Floats, limit: float) -> Iterator[tuple[int, int]]:
    """Pairs of boxes of `first` [N, 4] and `second` [M, 4] at most `limit` apart, nearest first.

    That is the distance of the centres in mean sides plus the logarithm of the sizes' ratio.
    Equally near ones come in their order.
    """
    found = list(_near(first, second, limit))
    steps, rows, columns = (np.concatenate(values) for values in zip(*found, strict=True))
    for at in np.lexsort((columns, rows, steps)):
        yield int(rows[at]), int(columns[at])


def centres_and_sides(boxes: Floats) -> tuple[Floats, Floats]:
    """Centres [N, 2] and mean sides [N]."""
    extents = boxes[:, 2:] - boxes[:, :2]
    return (boxes[:, :2] + boxes[:, 2:]) / 2, np.sqrt(extents.prod(axis=1))


Near = tuple[Floats, NDArray[np.intp], NDArray[np.intp]]
"""Steps, rows, columns of pairs."""


def _near(first: Floats, second: Floats, limit: float) -> Iterator[Near]:
    """All pairs within the limit, from blocks of boxes that lie below each other."""
    centres, sides = centres_and_sides(first)
    # The other box is at most exp(limit) as large.
    reaches = limit * sides * (1 + np.exp(limit)) / 2
    other_xs = centres_and_sides(second)[0][:, 0]
    order, other_order = np.argsort(centres[:, 0]), np.argsort(other_xs)
    other_xs = other_xs[other_order]
    for begin in range(0, len(first), _ROWS):
        rows = order[begin : begin + _ROWS]
        xs = centres[rows, 0]
        ends = (xs - reaches[rows]).min(), (xs + reaches[rows]).max()
        low, high = np.searchsorted(other_xs, ends)
        columns = other_order[low:high]
        steps = _steps(first[rows], second[columns])
        near_rows, near_columns = np.nonzero(steps <= limit)
        yield steps[near_rows, near_columns], rows[near_rows], columns[near_columns]


def _steps(first: Floats, second: Floats) -> Floats:
    """How far each box [N, 4] is from each other one [M, 4] (see `nearest_first`): [N, M]."""
    centres, sides = centres_and_sides(first)
    other_centres, other_sides = centres_and_sides(second)
    distances = np.linalg.norm(centres[:, None] - other_centres[None], axis=2)
    mean_sides = (sides[:, None] + other_sides[None]) / 2
    ratios = np.abs(np.log(sides[:, None] / other_sides[None]))
    steps: Floats = distances / mean_sides + ratios
    return steps
