"""Fuse faces found in several views of a picture, so that each is returned once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain

import numpy as np

from facedetect.arrays import Float64Array
from facedetect.faces import Box, Face, Landmarks, Point

# The minimum overlap of a face's boxes in two looks. Boxes of faces on their side fit less well.
_LOOKS_OVERLAP = 0.5
_ROTATIONS_OVERLAP = 0.3


def fuse_looks(looks: Sequence[Sequence[Face]]) -> list[Face]:
    """Fuse the faces of all looks: those that overlap by half are the same face.

    Box and landmarks are means weighted by score; the score is the sum divided by the number of
    looks, so a look that missed the face counts as 0.
    """
    if len(looks) == 1:
        return list(looks[0])

    def to_one(faces: Sequence[Face]) -> Face:
        return _mean(faces, len(looks))

    return _merge(looks, to_one, _LOOKS_OVERLAP)


def keep_best(rotations: Sequence[Sequence[Face]]) -> list[Face]:
    """Keep the best of faces that overlap by 0.3 in different rotations."""
    if len(rotations) == 1:
        return list(rotations[0])
    return _merge(rotations, lambda faces: faces[0], _ROTATIONS_OVERLAP)


def _merge(
    groups: Sequence[Sequence[Face]],
    to_one: Callable[[Sequence[Face]], Face],
    least_overlap: float,
) -> list[Face]:
    """Start with the best face, and add the one that overlaps it most from each other group."""
    faces = list(chain.from_iterable(groups))
    group_of = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    boxes = np.array([face.box.xyxy for face in faces]).reshape(-1, 4)
    by_x = np.argsort(boxes[:, 0])
    sorted_x = boxes[by_x, 0]
    is_free = np.ones(len(faces), bool)
    merged = []
    for first in np.argsort([-face.confidence for face in faces], kind="stable"):
        if not is_free[first]:
            continue
        near = by_x[_near(boxes[first], sorted_x, least_overlap)]
        near = near[is_free[near]]
        overlaps = _overlaps(boxes[first], boxes[near])
        best = {group_of[first]: first}
        for index in near[np.argsort(-overlaps, kind="stable")][: (overlaps > least_overlap).sum()]:
            best.setdefault(group_of[index], index)
        members = list(best.values())
        is_free[members] = False
        merged.append(to_one([faces[i] for i in members]))
    return merged


def _near(box: Float64Array, sorted_x_min: Float64Array, least_overlap: float) -> slice:
    """Return which of the boxes sorted by x_min may overlap: none exceeds width / least_overlap.

    This avoids quadratic time for pictures full of faces.
    """
    widest = (box[2] - box[0]) / least_overlap
    start, stop = np.searchsorted(sorted_x_min, (box[0] - widest, box[2]))
    return slice(start, stop)


def _overlaps(box: Float64Array, boxes: Float64Array) -> Float64Array:
    """Return the IoU of a box with each of the others."""
    sides = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    both = np.prod(np.maximum(sides, 0), axis=1)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    shares: Float64Array = both / (areas + np.prod(box[2:] - box[:2]) - both)
    return shares


def _mean(faces: Sequence[Face], look_count: int) -> Face:
    scores = np.array([face.confidence for face in faces])
    places = np.array([[*face.box.xyxy, *face.landmarks.xy] for face in faces])
    weighted = np.average(places, axis=0, weights=scores)
    mean = np.clip(weighted, places.min(axis=0), places.max(axis=0)).tolist()  # despite rounding
    points = (Point(*pair) for pair in zip(mean[4::2], mean[5::2], strict=True))
    return Face(Box(*mean[:4]), float(scores.sum()) / look_count, Landmarks(*points))
