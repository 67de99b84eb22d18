"""A face's position in every frame of a video, even where it was not detected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facedetect.faces import Box, Face, Landmarks, Point

# Boxes cover all positions within this time, and change no faster.
_SMOOTHING_S = 0.1
_SMOOTHING_OFFSETS_S = np.linspace(-_SMOOTHING_S, _SMOOTHING_S, 5)

BOX = slice(0, 4)
VALUES_PER_FACE = 15
"""The box, the confidence and five landmarks."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Trajectory:
    """A face's piecewise linear path: knots at `times` [K], s, with `values` [K, 15]."""

    times: Floats
    values: NDArray[np.float32]

    def face_at(self, time_s: float, width: int, height: int) -> Face | None:
        """Return the face at that time, clipped to the frame; None if it is outside."""
        reach_s = 2 * _SMOOTHING_S
        low = max(0, int(np.searchsorted(self.times, time_s - reach_s)) - 1)
        high = int(np.searchsorted(self.times, time_s + reach_s, "right")) + 1
        times, values = self.times[low:high], self.values[low:high].astype(np.float64)
        x_min, y_min, x_max, y_max = _smooth_xyxy(times, values[:, BOX], time_s)
        box = Box(max(x_min, 0.0), max(y_min, 0.0), min(x_max, width), min(y_max, height))
        if box.width <= 0 or box.height <= 0:
            return None
        confidence, *points = _interpolate(times, values[:, 4:], np.array([time_s]))[0].tolist()
        pairs = zip(points[::2], points[1::2], strict=True)
        return Face(box, confidence, Landmarks(*(Point(x, y) for x, y in pairs)))


def _smooth_xyxy(times: Floats, boxes: Floats, time_s: float) -> list[float]:
    """Return the moving average of the moving extremes of each side.

    Every averaged window of extremes contains `time_s`, so the result covers the box at that time,
    whatever its neighbours are.
    """
    centres = time_s + _SMOOTHING_OFFSETS_S
    window_ends = np.concatenate([centres - _SMOOTHING_S, centres + _SMOOTHING_S, [time_s]])
    moments = np.concatenate([times, window_ends])
    sides = np.concatenate([boxes, _interpolate(times, boxes, window_ends)])
    # The window includes its ends, regardless of rounding.
    inside = np.abs(moments[None] - centres[:, None]) <= _SMOOTHING_S + 1e-9
    least = np.where(inside[..., None], sides[None, :, :2], np.inf).min(axis=1)
    most = np.where(inside[..., None], sides[None, :, 2:], -np.inf).max(axis=1)
    xyxy: list[float] = [*least.mean(axis=0).tolist(), *most.mean(axis=0).tolist()]
    return xyxy


def _interpolate(times: Floats, values: Floats, at: Floats) -> Floats:
    """Interpolate values [K, V] at times [K] linearly at the times `at` [N]: [N, V]."""
    return np.stack([np.interp(at, times, column) for column in values.T], axis=1)
