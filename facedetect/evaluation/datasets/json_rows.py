"""Labelled pictures as rows of JSON: one object a picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import AliasChoices, BaseModel, BeforeValidator, Field

from facedetect.errors import InvalidDataset
from facedetect.evaluation.datasets.json_files import Number, validated
from facedetect.evaluation.datasets.labels import as_boxes, as_landmarks, check_boxes
from facedetect.evaluation.truth import ALL, BoolArray, FloatArray, LabelledImage, Protocol, Truth

_LEVELS = ("easy", "medium", "hard")


def _as_faces(value: Any) -> Any:
    """Take the points of a single face without a list around them."""
    match value:
        case [[int() | float(), *_], *_]:
            return [value]
    return value


Corners = tuple[Number, Number, Number, Number]
Points = list[tuple[Number, Number]]
Indices = list[Annotated[int, Field(ge=0)]]


class Row(BaseModel):
    """One picture; whatever else its object says is not looked at."""

    image: str = Field(min_length=1)
    boxes: list[Corners] | None = Field(None, validation_alias=AliasChoices("boxes", "all_boxes"))
    easy: Indices | None = None
    medium: Indices | None = None
    hard: Indices | None = None
    subsets: dict[str, Indices] = Field(default_factory=dict)
    landmarks: Annotated[list[Points | None] | None, BeforeValidator(_as_faces)] = None

    @property
    def must_be_found(self) -> Mapping[str, Indices]:
        """Which boxes, by subset; empty if the row has no subsets."""
        levels = {name: getattr(self, name) for name in _LEVELS}
        return {name: boxes for name, boxes in levels.items() if boxes is not None} | self.subsets


@dataclass(frozen=True)
class _Placed:
    """A row and the words for where it stands."""

    row: Row
    where: str


def read_rows(rows: Iterable[tuple[str, Any]], images: Path, *, one_based: bool = False) -> Truth:
    """The truth of rows, each with the words for where it stands in its file.

    Raises InvalidDataset for a row that cannot be right.
    """
    placed = [_placed(data, where) for where, data in rows]
    protocol = _protocol_of(placed)
    subsets = _subsets_of(placed)
    origin = 1.0 if one_based else 0.0
    return Truth(protocol, subsets, tuple(_labelled(p, subsets, images, origin) for p in placed))


def _placed(data: Any, where: str) -> _Placed:
    row = validated(Row, data, where)
    return _Placed(row, f"{where} ({row.image})")


def _protocol_of(placed: Sequence[_Placed]) -> Protocol:
    """Faces with boxes are told by their boxes; all rows must be of one sort."""
    has_boxes = any(p.row.boxes is not None for p in placed)
    for p in placed:
        if p.row.boxes is None and (has_boxes or p.row.landmarks is None):
            raise InvalidDataset(
                f"{p.where} has no boxes; give every row `boxes`, an empty list where there is no "
                "face, or every row `landmarks` and none of them boxes"
            )
    return Protocol.WIDER if has_boxes else Protocol.LANDMARKS


def _subsets_of(placed: Sequence[_Placed]) -> tuple[str, ...]:
    """The names in the first row, which all others must have, too."""
    names = [tuple(p.row.must_be_found) for p in placed]
    for p, own in zip(placed, names, strict=True):
        if set(own) != set(names[0]):
            raise InvalidDataset(
                f"{p.where} has the subsets {', '.join(own) or 'none'}, and {placed[0].where} "
                f"{', '.join(names[0]) or 'none'}; give every row the same ones, as empty lists "
                "where no face belongs to them"
            )
    return (names[0] if names else ()) or (ALL,)


def _labelled(
    placed: _Placed, subsets: tuple[str, ...], images: Path, origin: float
) -> LabelledImage:
    row = placed.row
    boxes = as_boxes(row.boxes or []) - origin
    counted = {name: _counted(placed, name) for name in subsets}
    check_boxes(boxes, counted, placed.where)
    return LabelledImage(
        name=row.image,
        path=images / row.image,
        boxes=boxes,
        counted=counted,
        landmarks=_landmarks(placed, origin),
    )


def _counted(placed: _Placed, subset: str) -> BoolArray:
    count = len(placed.row.boxes or [])
    indices = placed.row.must_be_found.get(subset)
    if indices is None:
        return np.ones(count, bool)
    if indices and max(indices) >= count:
        raise InvalidDataset(
            f"{placed.where}: {subset} names box {max(indices)} and there are {count}; they are "
            "counted from 0"
        )
    return np.isin(np.arange(count), indices)


def _landmarks(placed: _Placed, origin: float) -> FloatArray | None:
    row = placed.row
    if row.landmarks is None:
        return None
    if row.boxes is not None and len(row.landmarks) != len(row.boxes):
        raise InvalidDataset(
            f"{placed.where}: there are {len(row.boxes)} boxes and landmarks of "
            f"{len(row.landmarks)} faces; give each box its five points, or null"
        )
    return as_landmarks(row.landmarks, placed.where) - origin
