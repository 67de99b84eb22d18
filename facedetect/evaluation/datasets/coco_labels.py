"""Reads COCO: one JSON object with images and annotations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, Field

from facedetect.errors import InvalidDataset
from facedetect.evaluation.dataset import (
    ALL,
    LANDMARK_COUNT,
    Dataset,
    FloatArray,
    LabelledImage,
    Metric,
)
from facedetect.evaluation.datasets.label_arrays import (
    boxes_from_xywh,
    check_boxes,
    landmark_array,
)
from facedetect.evaluation.datasets.label_files import validate
from facedetect.evaluation.json_validation import Coordinate, Corners


class CocoImage(BaseModel):
    """An entry of `images`."""

    id: int | str
    file_name: str = Field(min_length=1)


class CocoAnnotation(BaseModel):
    """An entry of `annotations`: one face of any category; `bbox` is x, y, width, height."""

    image_id: int | str
    bbox: Corners
    iscrowd: bool = False
    keypoints: list[Coordinate] = Field(default_factory=list)

    @property
    def landmarks(self) -> list[tuple[float, float]] | None:
        """The five landmarks; None if there are not five keypoints, all of them labelled."""
        x, y, visibility = (self.keypoints[i::3] for i in range(3))
        if len(self.keypoints) != 3 * LANDMARK_COUNT or 0 in visibility:
            return None
        return list(zip(x, y, strict=True))


class CocoFile(BaseModel):
    """The parts of a COCO file that matter here."""

    images: list[CocoImage]
    annotations: list[CocoAnnotation]


def read_coco(data: Any, place: str, images: Path, *, one_based: bool = False) -> Dataset:
    """Return a COCO file's content as a dataset; crowds are ignored faces.

    Raises InvalidDataset if the content is invalid or annotates an image that is not listed.
    """
    coco = validate(CocoFile, data, place)
    faces: dict[int | str, list[CocoAnnotation]] = {image.id: [] for image in coco.images}
    if len(faces) < len(coco.images):
        raise InvalidDataset(f"{place} has two images with the same id; give each its own")
    for row, annotation in enumerate(coco.annotations):
        if annotation.image_id not in faces:
            raise InvalidDataset(
                f"{place}: annotations.{row} is of image {annotation.image_id!r}, which `images` "
                "does not list; add the image or remove the annotation"
            )
        faces[annotation.image_id].append(annotation)
    origin = 1.0 if one_based else 0.0
    labelled = (_labelled(image, faces[image.id], place, images, origin) for image in coco.images)
    return Dataset(Metric.AVERAGE_PRECISION, (ALL,), tuple(labelled))


def _labelled(
    image: CocoImage, faces: Sequence[CocoAnnotation], place: str, images: Path, origin: float
) -> LabelledImage:
    place = f"{place} ({image.file_name})"
    boxes = boxes_from_xywh([face.bbox for face in faces]) - origin
    subset_masks = {ALL: ~np.array([face.iscrowd for face in faces], bool)}
    check_boxes(boxes, subset_masks, place)
    return LabelledImage(
        name=image.file_name,
        path=images / image.file_name,
        boxes=boxes,
        subset_masks=subset_masks,
        landmarks=_landmarks(faces, place, origin),
    )


def _landmarks(faces: Sequence[CocoAnnotation], place: str, origin: float) -> FloatArray | None:
    points = [face.landmarks for face in faces]
    if not any(points):
        return None
    return landmark_array(points, place) - origin
