"""Read facedetect's own label format: one JSON object per image."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import AliasChoices, BaseModel, BeforeValidator, Field

from facedetect.arrays import Float64Array
from facedetect.errors import InvalidDataset
from facedetect.evaluation.dataset import (
    ALL,
    LANDMARK_COUNT,
    BoolArray,
    BoxArray,
    Dataset,
    LabelledImage,
    Metric,
)
from facedetect.evaluation.datasets.label_files import validate
from facedetect.evaluation.json_validation import Coordinates, Corners

_LEVELS = ("easy", "medium", "hard")


def _as_faces(value: Any) -> Any:
    """Accept a single face's points without a list around them."""
    match value:
        case [[int() | float(), *_], *_]:
            return [value]
    return value


Points = list[Coordinates]
Indices = list[Annotated[int, Field(ge=0)]]


class LabelRow(BaseModel):
    """An image and its faces; other fields are ignored."""

    image: str = Field(min_length=1)
    boxes: list[Corners] | None = Field(None, validation_alias=AliasChoices("boxes", "all_boxes"))
    easy: Indices | None = None
    medium: Indices | None = None
    hard: Indices | None = None
    subsets: dict[str, Indices] = Field(default_factory=dict)
    landmarks: Annotated[list[Points | None] | None, BeforeValidator(_as_faces)] = None

    @property
    def indices_by_subset(self) -> Mapping[str, Indices]:
        """Return the box indices of each subset; empty without subsets."""
        levels = {name: getattr(self, name) for name in _LEVELS}
        return {name: boxes for name, boxes in levels.items() if boxes is not None} | self.subsets


_PlacedRow = tuple[str, LabelRow]


def read_rows(rows: Iterable[tuple[str, Any]], images: Path, *, one_based: bool = False) -> Dataset:
    """Convert rows to a dataset; each comes with its position, for error messages.

    Raises InvalidDataset for an invalid row or contradictory rows.
    """
    valid = [(place, validate(LabelRow, data, place)) for place, data in rows]
    placed = [(f"{place} ({row.image})", row) for place, row in valid]
    metric = _metric_of(placed)
    subsets = _subsets_of(placed)
    origin = 1.0 if one_based else 0.0
    labelled = (_labelled(place, row, subsets, images, origin) for place, row in placed)
    return Dataset(metric, subsets, tuple(labelled))


def _metric_of(placed: Sequence[_PlacedRow]) -> Metric:
    """Return the metric: all rows must have boxes, or all must have landmarks and no boxes."""
    has_boxes = any(row.boxes is not None for _, row in placed)
    for place, row in placed:
        if row.boxes is None and (has_boxes or row.landmarks is None):
            raise InvalidDataset(
                f"{place} has no boxes; give every row `boxes`, an empty list if there is no face, "
                "or give every row `landmarks` and no row boxes"
            )
    return Metric.AVERAGE_PRECISION if has_boxes else Metric.LANDMARK_ERROR


def _subsets_of(placed: Sequence[_PlacedRow]) -> tuple[str, ...]:
    """Return the subsets, which must be the same in all rows."""
    subsets = [tuple(row.indices_by_subset) for _, row in placed]
    for (place, _), own in zip(placed, subsets, strict=True):
        if set(own) != set(subsets[0]):
            raise InvalidDataset(
                f"{place} has the subsets {', '.join(own) or 'none'}, but {placed[0][0]} has "
                f"{', '.join(subsets[0]) or 'none'}; give every row the same subsets, with an "
                "empty list if no face belongs to one"
            )
    return (subsets[0] if subsets else ()) or (ALL,)


def _labelled(
    place: str, row: LabelRow, subsets: tuple[str, ...], images: Path, origin: float
) -> LabelledImage:
    boxes = np.array(row.boxes or [], np.float64).reshape(-1, 4) - origin
    subset_masks = {name: _subset_mask(place, row, name) for name in subsets}
    _check_boxes(place, boxes, subset_masks)
    landmarks = None if row.landmarks is None else _landmarks(place, row) - origin
    return LabelledImage(row.image, images / row.image, boxes, subset_masks, landmarks)


def _subset_mask(place: str, row: LabelRow, subset: str) -> BoolArray:
    count = len(row.boxes or [])
    indices = row.indices_by_subset.get(subset)
    if indices is None:
        return np.ones(count, bool)
    if indices and max(indices) >= count:
        raise InvalidDataset(
            f"{place}: {subset} has index {max(indices)}, but there are {count} boxes; indices "
            "start at 0"
        )
    return np.isin(np.arange(count), indices)


def _check_boxes(place: str, boxes: BoxArray, subset_masks: Mapping[str, BoolArray]) -> None:
    """Raise InvalidDataset for a box with max below min, or without area unless it is ignored."""
    is_counted = np.any([np.zeros(len(boxes), bool), *subset_masks.values()], axis=0)
    is_reversed = (boxes[:, 2:] < boxes[:, :2]).any(axis=1)
    is_empty = (boxes[:, 2:] <= boxes[:, :2]).any(axis=1)
    invalid = np.flatnonzero(is_reversed | (is_counted & is_empty))
    if len(invalid):
        x_min, y_min, x_max, y_max = boxes[invalid[0]].tolist()
        raise InvalidDataset(
            f"{place}: box {invalid[0]}, from ({x_min:g}, {y_min:g}) to ({x_max:g}, {y_max:g}), "
            "has no area; width and height must be above 0, or at least 0 for an ignored face "
            "(rows give x_min, y_min, x_max, y_max; COCO gives x, y, width, height)"
        )


def _landmarks(place: str, row: LabelRow) -> Float64Array:
    """Return each face's landmarks [n, 5, 2]; NaN for a face without any."""
    faces = row.landmarks or []
    if row.boxes is not None and len(faces) != len(row.boxes):
        raise InvalidDataset(
            f"{place} has {len(row.boxes)} boxes and landmarks of {len(faces)} faces; give each "
            "box its five points, or null"
        )
    landmarks = np.full((len(faces), LANDMARK_COUNT, 2), np.nan)
    for index, points in enumerate(faces):
        if points is not None:
            _check_points(f"{place}: face {index}", points)
            landmarks[index] = points
    return landmarks


def _check_points(place: str, points: Points) -> None:
    if len(points) != LANDMARK_COUNT:
        raise InvalidDataset(
            f"{place} has {len(points)} landmarks; give {LANDMARK_COUNT}: left eye, right eye, "
            "nose, left and right mouth corner, left and right as seen in the image"
        )
    if points[0] == points[1]:
        x, y = points[0]
        raise InvalidDataset(
            f"{place} has both eyes at ({x:g}, {y:g}); correct or remove its landmarks, since "
            "errors are relative to the distance between the eyes"
        )
