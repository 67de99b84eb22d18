"""The way of a face through a video: where it is in every frame, between its hits, too."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facedetect.faces import Box, Face, Landmarks, Point

# Boxes are as wide as those within so many seconds, and change as slowly as that.
_STEADY_S = 0.1
_STEADY_SAMPLES = np.linspace(-_STEADY_S, _STEADY_S, 5)

BOX = slice(0, 4)
VALUES = 15
"""Of a hit: the box, the confidence, five landmarks."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Course:
    """A track's knots, with straight lines between them: `times` s [K], `values` [K, 15]."""

    number: int
    times: Floats
    values: NDArray[np.float32]

    def at(self, time_s: float, width: int, height: int) -> Face | None:
        """The face at that time, in a picture of that size; None if it is beyond its edges."""
        reach = 2 * _STEADY_S
        low = max(0, int(np.searchsorted(self.times, time_s - reach)) - 1)
        high = int(np.searchsorted(self.times, time_s + reach, "right")) + 1
        times, values = self.times[low:high], self.values[low:high].astype(np.float64)
        x_min, y_min, x_max, y_max = _steady_box(times, values[:, BOX], time_s)
        box = Box(max(x_min, 0.0), max(y_min, 0.0), min(x_max, width), min(y_max, height))
        if box.width <= 0 or box.height <= 0:
            return None
        confidence, *points = _between(times, values[:, 4:], np.array([time_s]))[0].tolist()
        pairs = zip(points[::2], points[1::2], strict=True)
        return Face(box, confidence, Landmarks(*(Point(x, y) for x, y in pairs)))


def _steady_box(times: Floats, boxes: Floats, time_s: float) -> list[float]:
    """The mean, over a while, of the extremes within as long a while.

    Each of the means' terms includes the box at that time: it is covered, whatever its neighbours.
    """
    centres = time_s + _STEADY_SAMPLES
    borders = np.concatenate([centres - _STEADY_S, centres + _STEADY_S])
    moments = np.concatenate([times, borders, [time_s]])
    sides = np.concatenate([boxes, _between(times, boxes, moments[len(times) :])])
    # The borders themselves are within, however their sums are rounded.
    within = np.abs(moments[None] - centres[:, None]) <= _STEADY_S + 1e-9
    least = np.where(within[..., None], sides[None, :, :2], np.inf).min(axis=1)
    most = np.where(within[..., None], sides[None, :, 2:], -np.inf).max(axis=1)
    steady: list[float] = [*least.mean(axis=0).tolist(), *most.mean(axis=0).tolist()]
    return steady


def _between(times: Floats, values: Floats, at: Floats) -> Floats:
    """The values [K, V] of these times [K], interpolated at others [N]: [N, V]."""
    return np.stack([np.interp(at, times, column) for column in values.T], axis=1)
