"""Read COCO files: one JSON object with images and annotations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from facedetect.errors import InvalidDataset
from facedetect.evaluation.dataset import ALL, LANDMARK_COUNT, Dataset
from facedetect.evaluation.datasets.label_files import validate
from facedetect.evaluation.datasets.label_rows import Points, read_rows
from facedetect.evaluation.json_validation import Coordinate, Corners


class CocoImage(BaseModel):
    """An entry of `images`."""

    id: int | str
    file_name: str = Field(min_length=1)


class CocoAnnotation(BaseModel):
    """An entry of `annotations`: one face of any category; `bbox` is x, y, width, height."""

    image_id: int | str
    bbox: tuple[Coordinate, Coordinate, Coordinate, Coordinate]
    iscrowd: bool = False
    keypoints: list[Coordinate] = Field(default_factory=list)

    @property
    def corners(self) -> Corners:
        x, y, width, height = self.bbox
        return x, y, x + width, y + height

    @property
    def landmarks(self) -> Points | None:
        """Return the five landmarks; None unless there are five keypoints, all labelled."""
        x, y, visibility = (self.keypoints[i::3] for i in range(3))
        if len(self.keypoints) != 3 * LANDMARK_COUNT or 0 in visibility:
            return None
        return list(zip(x, y, strict=True))


class CocoFile(BaseModel):
    """The relevant parts of a COCO file."""

    images: list[CocoImage]
    annotations: list[CocoAnnotation]


def read_coco(data: Any, place: str, images: Path, *, one_based: bool = False) -> Dataset:
    """Convert a COCO file to a dataset; crowds become ignored faces.

    Raises InvalidDataset if the content is invalid or annotates an image that is not listed.
    """
    coco = validate(CocoFile, data, place)
    faces: dict[int | str, list[CocoAnnotation]] = {image.id: [] for image in coco.images}
    if len(faces) < len(coco.images):
        raise InvalidDataset(f"{place} has two images with the same id; make ids unique")
    for index, annotation in enumerate(coco.annotations):
        if annotation.image_id not in faces:
            raise InvalidDataset(
                f"{place}: annotations.{index} refers to image {annotation.image_id!r}, which "
                "`images` does not list; add the image or remove the annotation"
            )
        faces[annotation.image_id].append(annotation)
    rows = ((place, _to_row(image, faces[image.id])) for image in coco.images)
    return read_rows(rows, images, one_based=one_based)


def _to_row(image: CocoImage, faces: Sequence[CocoAnnotation]) -> dict[str, Any]:
    landmarks = [face.landmarks for face in faces]
    return {
        "image": image.file_name,
        "boxes": [face.corners for face in faces],
        "subsets": {ALL: [index for index, face in enumerate(faces) if not face.iscrowd]},
        "landmarks": landmarks if any(landmarks) else None,
    }
