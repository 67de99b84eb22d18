"""A detector's faces in one image, as arrays and as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, FiniteFloat, model_validator

from facedetect.arrays import Float64Array
from facedetect.evaluation.dataset import LANDMARK_COUNT, BoxArray
from facedetect.evaluation.json_validation import Coordinates, Corners

FivePoints = tuple[Coordinates, Coordinates, Coordinates, Coordinates, Coordinates]


@dataclass(frozen=True, eq=False)
class ImageDetections:
    """A detector's answer for one image, by descending score.

    `image` is the image's name in the dataset. `boxes` are [n, 4] px, `scores` [n], `landmarks`
    [n, 5, 2] px. `error` says why there is no answer; the image then counts as one without faces.
    """

    image: str
    boxes: BoxArray
    scores: NDArray[np.float64]
    landmarks: Float64Array | None
    seconds: float
    error: str | None = None

    @classmethod
    def failed(cls, image: str, error: str, seconds: float) -> Self:
        return cls(image, np.zeros((0, 4)), np.zeros(0), None, seconds, error)


class DetectionLists(BaseModel):
    """Detections as JSON lists, in any order; coordinates in px."""

    boxes: list[Corners]
    scores: list[FiniteFloat]
    landmarks: list[FivePoints] | None = None

    @model_validator(mode="after")
    def _check_counts(self) -> Self:
        counts = [len(faces) for faces in (self.boxes, self.landmarks) if faces is not None]
        if any(count != len(self.scores) for count in counts):
            points = "no" if self.landmarks is None else len(self.landmarks)
            raise ValueError(
                f"{len(self.boxes)} boxes, {len(self.scores)} scores and {points} landmarks; "
                "give the same number of each"
            )
        return self

    def to_arrays(self) -> tuple[BoxArray, NDArray[np.float64], Float64Array | None]:
        """Return `boxes`, `scores` and `landmarks` by descending score."""
        boxes = np.array(self.boxes, np.float64).reshape(-1, 4)
        scores = np.array(self.scores, np.float64)
        order = np.argsort(-scores, kind="stable")
        if self.landmarks is None:
            return boxes[order], scores[order], None
        points = np.array(self.landmarks, np.float64).reshape(-1, LANDMARK_COUNT, 2)
        return boxes[order], scores[order], points[order]


class DetectionsRecord(DetectionLists):
    """An image's detections as a line of a detections file."""

    image: str
    seconds: float
    error: str | None


def to_json_line(detections: ImageDetections) -> str:
    return json.dumps(vars(detections), default=np.ndarray.tolist)


def from_json_line(line: str | bytes) -> ImageDetections:
    """Read a line that `to_json_line` wrote; raises ValueError for anything else."""
    # Python's parser, because it reads every number back exactly.
    record = DetectionsRecord.model_validate(json.loads(line))
    return ImageDetections(record.image, *record.to_arrays(), record.seconds, record.error)
