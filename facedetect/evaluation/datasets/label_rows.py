"""Reads facedetect's own label format: one JSON object per image."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import AliasChoices, BaseModel, BeforeValidator, Field

from facedetect.errors import InvalidDataset
from facedetect.evaluation.dataset import (
    ALL,
    BoolArray,
    Dataset,
    FloatArray,
    LabelledImage,
    Metric,
)
from facedetect.evaluation.datasets.label_arrays import (
    boxes_from_xyxy,
    check_boxes,
    landmark_array,
)
from facedetect.evaluation.datasets.label_files import validate
from facedetect.evaluation.json_validation import Coordinates, Corners

_LEVELS = ("easy", "medium", "hard")


def _as_faces(value: Any) -> Any:
    """Accept the points of a single face without a list around them."""
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
        """The boxes of each subset; empty without any subset."""
        levels = {name: getattr(self, name) for name in _LEVELS}
        return {name: boxes for name, boxes in levels.items() if boxes is not None} | self.subsets


PlacedRow = tuple[str, LabelRow]
"""A row with its place in the file, for error messages."""


def read_rows(rows: Iterable[tuple[str, Any]], images: Path, *, one_based: bool = False) -> Dataset:
    """Return rows as a dataset; each comes with its place in the file, for error messages.

    Raises InvalidDataset for an invalid row.
    """
    placed = [_parse_row(place, data) for place, data in rows]
    metric = _metric_of(placed)
    subsets = _subsets_of(placed)
    origin = 1.0 if one_based else 0.0
    labelled = (_labelled(place, row, subsets, images, origin) for place, row in placed)
    return Dataset(metric, subsets, tuple(labelled))


def _parse_row(place: str, data: Any) -> PlacedRow:
    row = validate(LabelRow, data, place)
    return f"{place} ({row.image})", row


def _metric_of(placed: Sequence[PlacedRow]) -> Metric:
    """All rows must have boxes, or all of them landmarks and no boxes."""
    has_boxes = any(row.boxes is not None for _, row in placed)
    for place, row in placed:
        if row.boxes is None and (has_boxes or row.landmarks is None):
            raise InvalidDataset(
                f"{place} has no boxes; give every row `boxes`, an empty list if there is no face, "
                "or give every row `landmarks` and no row boxes"
            )
    return Metric.AVERAGE_PRECISION if has_boxes else Metric.LANDMARK_ERROR


def _subsets_of(placed: Sequence[PlacedRow]) -> tuple[str, ...]:
    """All rows must have the subsets of the first row."""
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
    boxes = boxes_from_xyxy(row.boxes or []) - origin
    subset_masks = {name: _subset_mask(place, row, name) for name in subsets}
    check_boxes(boxes, subset_masks, place)
    return LabelledImage(
        name=row.image,
        path=images / row.image,
        boxes=boxes,
        subset_masks=subset_masks,
        landmarks=_landmarks(place, row, origin),
    )


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


def _landmarks(place: str, row: LabelRow, origin: float) -> FloatArray | None:
    if row.landmarks is None:
        return None
    if row.boxes is not None and len(row.landmarks) != len(row.boxes):
        raise InvalidDataset(
            f"{place} has {len(row.boxes)} boxes and landmarks of {len(row.landmarks)} faces; give "
            "each box its five points, or null"
        )
    return landmark_array(row.landmarks, place) - origin
