"""A labelled dataset: images, their ground truth, and the metric to score detectors with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facedetect.arrays import Float64Array

BoolArray = NDArray[np.bool_]

BoxArray = Float64Array
"""[n, 4] x_min, y_min, x_max, y_max, px."""

MAX_COORDINATE_PX = 1e6
"""Coordinates with a larger absolute value cannot be in an image."""

LANDMARK_COUNT = 5

ALL = "all"
"""The subset of datasets without subsets."""


class Metric(StrEnum):
    """How detections are scored."""

    AVERAGE_PRECISION = "average_precision"
    LANDMARK_ERROR = "landmark_error"


@dataclass(frozen=True, eq=False)
class LabelledImage:
    """An image and its ground truth.

    `name` is unique within the dataset. `boxes` are all labelled faces, [n, 4] px. `subset_masks`
    has a mask [n] for each subset: faces outside the mask are ignored in that subset.
    `landmarks` are [n, 5, 2] x, y in px: left eye, right eye, nose, left and right mouth corner,
    left and right as seen in the image; NaN for a face without landmarks.
    """

    name: str
    path: Path
    boxes: BoxArray
    subset_masks: Mapping[str, BoolArray]
    landmarks: Float64Array | None = None


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled images, the names of their subsets, and the metric.

    `remarks` are notes for the user, such as missing official difficulty levels.
    """

    metric: Metric
    subsets: tuple[str, ...]
    images: tuple[LabelledImage, ...]
    remarks: tuple[str, ...] = ()

    def fingerprint(self) -> str:
        """Return a hash of the metric, the images' names and all labels."""
        labels = [
            [
                image.name,
                image.boxes.tolist(),
                None if image.landmarks is None else image.landmarks.tolist(),
                [image.subset_masks[subset].tolist() for subset in self.subsets],
            ]
            for image in self.images
        ]
        content = json.dumps([self.metric, self.subsets, labels])
        return hashlib.sha256(content.encode()).hexdigest()
