"""Labels of one picture, from whatever file, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from facedetect.errors import InvalidDataset
from facedetect.evaluation.truth import BoolArray, BoxArray, FloatArray

POINTS = 5


def as_boxes(corners: ArrayLike) -> BoxArray:
    """Boxes as an array, [n, 4], also when there is none."""
    return np.array(corners, np.float64).reshape(-1, 4)


def boxes_of_sizes(sizes: ArrayLike) -> BoxArray:
    """Boxes of x, y, width, height."""
    boxes = as_boxes(sizes)
    boxes[:, 2:] += boxes[:, :2]
    return boxes


def has_area(boxes: BoxArray) -> BoolArray:
    """Which boxes are wider and higher than nothing, [n]."""
    return np.asarray((boxes[:, 2:] > boxes[:, :2]).all(axis=1))


def check_boxes(boxes: BoxArray, counted: Mapping[str, BoolArray], where: str) -> None:
    """Raise InvalidDataset if a box is inside out, or must be found and has no area."""
    must = np.any([np.zeros(len(boxes), bool), *counted.values()], axis=0)
    is_inside_out = (boxes[:, 2:] < boxes[:, :2]).any(axis=1)
    wrong = np.flatnonzero(is_inside_out | (must & ~has_area(boxes)))
    if len(wrong):
        x_min, y_min, x_max, y_max = boxes[wrong[0]].tolist()
        raise InvalidDataset(
            f"{where}: box {wrong[0]}, from ({x_min:g}, {y_min:g}) to ({x_max:g}, {y_max:g}), has "
            "no area; boxes that must be found need width and height above 0, ignored ones at "
            "least 0 (rows give two corners, COCO a corner and width and height)"
        )


def as_landmarks(faces: Sequence[Sequence[tuple[float, float]] | None], where: str) -> FloatArray:
    """Points of each face, [n, 5, 2], NaN where it has none.

    Raises InvalidDataset if a face has not five points, or its eyes are in one place.
    """
    landmarks = np.full((len(faces), POINTS, 2), np.nan)
    for row, points in enumerate(faces):
        if points is not None:
            _check_points(points, f"{where}: face {row}")
            landmarks[row] = points
    return landmarks


def _check_points(points: Sequence[tuple[float, float]], where: str) -> None:
    if len(points) != POINTS:
        raise InvalidDataset(
            f"{where} has {len(points)} landmarks; it takes {POINTS}: left eye, right eye, nose, "
            "left and right mouth corner, left and right as the picture has them"
        )
    if points[0] == points[1]:
        x, y = points[0]
        raise InvalidDataset(
            f"{where} has both eyes at ({x:g}, {y:g}); put them right or leave its landmarks out: "
            "errors are shares of the distance between the eyes"
        )
