"""Labelled pictures as COCO has them: one object of images and annotations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, Field

from facedetect.errors import InvalidDataset
from facedetect.evaluation.datasets.json_files import Number, validated
from facedetect.evaluation.datasets.labels import (
    POINTS,
    as_landmarks,
    boxes_of_sizes,
    check_boxes,
)
from facedetect.evaluation.truth import ALL, FloatArray, LabelledImage, Protocol, Truth


class Picture(BaseModel):
    """An entry of `images`."""

    id: int | str
    file_name: str = Field(min_length=1)


class Annotation(BaseModel):
    """An entry of `annotations`: one face. Categories are not looked at."""

    image_id: int | str
    bbox: tuple[Number, Number, Number, Number]
    iscrowd: bool = False
    keypoints: list[Number] = Field(default_factory=list)

    @property
    def points(self) -> list[tuple[float, float]] | None:
        """The five landmarks; None if it has others, or one of them is not labelled."""
        x, y, visibility = (self.keypoints[i::3] for i in range(3))
        if len(self.keypoints) != 3 * POINTS or 0 in visibility:
            return None
        return list(zip(x, y, strict=True))


class Dataset(BaseModel):
    """The file; whatever else it holds is not looked at."""

    images: list[Picture]
    annotations: list[Annotation]


def read_coco(data: Any, where: str, images: Path, *, one_based: bool = False) -> Truth:
    """The truth of a COCO file's content; crowds are ignored faces.

    Raises InvalidDataset if it is no such content, or has a face of an image that it lacks.
    """
    dataset = validated(Dataset, data, where)
    faces: dict[int | str, list[Annotation]] = {picture.id: [] for picture in dataset.images}
    if len(faces) < len(dataset.images):
        raise InvalidDataset(f"{where} has two images of one id; give each its own")
    for row, annotation in enumerate(dataset.annotations):
        if annotation.image_id not in faces:
            raise InvalidDataset(
                f"{where}: annotations.{row} is of image {annotation.image_id!r}, which `images` "
                "does not have; add it, or take the annotation out"
            )
        faces[annotation.image_id].append(annotation)
    origin = 1.0 if one_based else 0.0
    labelled = (
        _labelled(picture, faces[picture.id], where, images, origin) for picture in dataset.images
    )
    return Truth(Protocol.WIDER, (ALL,), tuple(labelled))


def _labelled(
    picture: Picture, faces: Sequence[Annotation], where: str, images: Path, origin: float
) -> LabelledImage:
    place = f"{where} ({picture.file_name})"
    boxes = boxes_of_sizes([face.bbox for face in faces]) - origin
    counted = {ALL: ~np.array([face.iscrowd for face in faces], bool)}
    check_boxes(boxes, counted, place)
    return LabelledImage(
        name=picture.file_name,
        path=images / picture.file_name,
        boxes=boxes,
        counted=counted,
        landmarks=_landmarks(faces, place, origin),
    )


def _landmarks(faces: Sequence[Annotation], place: str, origin: float) -> FloatArray | None:
    points = [face.points for face in faces]
    if not any(points):
        return None
    return as_landmarks(points, place) - origin
