"""Labels of an image as arrays, with checks that the readers share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from facedetect.errors import InvalidDataset
from facedetect.evaluation.dataset import LANDMARK_COUNT, BoolArray, BoxArray, FloatArray


def boxes_from_xyxy(corners: ArrayLike) -> BoxArray:
    """Return boxes as an array [n, 4], also without any."""
    return np.array(corners, np.float64).reshape(-1, 4)


def boxes_from_xywh(sizes: ArrayLike) -> BoxArray:
    """Convert boxes given as x, y, width, height."""
    boxes = boxes_from_xyxy(sizes)
    boxes[:, 2:] += boxes[:, :2]
    return boxes


def has_area(boxes: BoxArray) -> BoolArray:
    return np.asarray((boxes[:, 2:] > boxes[:, :2]).all(axis=1))


def check_boxes(boxes: BoxArray, subset_masks: Mapping[str, BoolArray], place: str) -> None:
    """Raise InvalidDataset for a box with max below min, or without area unless it is ignored."""
    is_counted = np.any([np.zeros(len(boxes), bool), *subset_masks.values()], axis=0)
    is_reversed = (boxes[:, 2:] < boxes[:, :2]).any(axis=1)
    invalid = np.flatnonzero(is_reversed | (is_counted & ~has_area(boxes)))
    if len(invalid):
        x_min, y_min, x_max, y_max = boxes[invalid[0]].tolist()
        raise InvalidDataset(
            f"{place}: box {invalid[0]}, from ({x_min:g}, {y_min:g}) to ({x_max:g}, {y_max:g}), "
            "has no area; width and height must be above 0, or at least 0 if the face is ignored "
            "(rows give x_min, y_min, x_max, y_max; COCO gives x, y, width, height)"
        )


def landmark_array(faces: Sequence[Sequence[tuple[float, float]] | None], place: str) -> FloatArray:
    """Return the landmarks [n, 5, 2] of each face; NaN for a face without.

    Raises InvalidDataset unless a face has five points and its eyes differ.
    """
    landmarks = np.full((len(faces), LANDMARK_COUNT, 2), np.nan)
    for row, points in enumerate(faces):
        if points is not None:
            _check_points(points, f"{place}: face {row}")
            landmarks[row] = points
    return landmarks


def _check_points(points: Sequence[tuple[float, float]], place: str) -> None:
    if len(points) != LANDMARK_COUNT:
        raise InvalidDataset(
            f"{place} has {len(points)} landmarks; give {LANDMARK_COUNT}: left eye, right eye, "
            "nose, left and right mouth corner, left and right as seen in the image"
        )
    if points[0] == points[1]:
        x, y = points[0]
        raise InvalidDataset(
            f"{place} has both eyes at ({x:g}, {y:g}); correct or remove its landmarks, as errors "
            "are relative to the distance between the eyes"
        )
