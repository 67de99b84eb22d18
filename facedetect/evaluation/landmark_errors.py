"""Landmark errors, as a percentage of the distance between the eyes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from facedetect.arrays import Float64Array
from facedetect.evaluation.dataset import (
    LANDMARK_COUNT,
    BoxArray,
    Dataset,
    LabelledImage,
)
from facedetect.evaluation.image_detections import ImageDetections
from facedetect.evaluation.iou import iou_matrix

FAILURE_PERCENT = 10.0
"""A face with a larger mean error counts as a failure."""

_MIN_IOU = 0.5


@dataclass(frozen=True, eq=False)
class LandmarkErrors:
    """The errors of all labelled faces, per cent; NaN for a missed face.

    `by_point` is [faces, 5]: left eye, right eye, nose, left and right mouth corner.
    """

    by_point: Float64Array

    @property
    def by_face(self) -> Float64Array:
        """The mean over the points of each face, [faces]."""
        return np.asarray(self.by_point.mean(axis=1))

    @property
    def detected(self) -> int:
        return int(np.isfinite(self.by_face).sum())

    @property
    def missed(self) -> int:
        return len(self.by_point) - self.detected

    @property
    def failures(self) -> int:
        """Detected faces with an error over 10 %."""
        return int((self.by_face > FAILURE_PERCENT).sum())

    @property
    def mean(self) -> float:
        """The mean over detected faces; NaN if there are none."""
        return float(self._sorted().mean()) if self.detected else float("nan")

    @property
    def median(self) -> float:
        """The median over detected faces; NaN if there are none."""
        return float(np.median(self._sorted())) if self.detected else float("nan")

    @property
    def mean_by_point(self) -> Float64Array:
        """Each point's mean over detected faces, [5]; NaN if there are none."""
        if not self.detected:
            return np.full(LANDMARK_COUNT, np.nan)
        return np.asarray(np.nanmean(self.by_point, axis=0))

    def cumulative(self) -> tuple[Float64Array, Float64Array]:
        """Return the sorted errors, per cent, and the share of all faces up to each, 0..1."""
        errors = self._sorted()
        return errors, np.arange(1, len(errors) + 1) / max(len(self.by_point), 1)

    def _sorted(self) -> Float64Array:
        return np.sort(self.by_face[np.isfinite(self.by_face)])


def score_landmarks(dataset: Dataset, detections: Sequence[ImageDetections]) -> LandmarkErrors:
    """Return the errors of all faces with labelled landmarks; both are in the dataset's order.

    A face with a labelled box is matched to the detection with the highest IoU, if that is at least
    0.5. A face with only landmarks is matched to a detection whose box contains the mean of the
    labelled points; if several do, to the one with the nearest landmarks. Detections without
    landmarks match no face.
    """
    errors = [
        row
        for image, answer in zip(dataset.images, detections, strict=True)
        for row in _image_errors(image, answer)
    ]
    return LandmarkErrors(np.array(errors).reshape(-1, LANDMARK_COUNT))


def mean_over_common_faces(
    errors: LandmarkErrors, baseline: LandmarkErrors
) -> tuple[float, float, int]:
    """Return both mean errors over the faces found by both, and the number of these faces.

    So missing a hard face is no advantage. The means are NaN if there are no common faces.
    """
    common = np.isfinite(errors.by_face) & np.isfinite(baseline.by_face)
    if not common.any():
        return float("nan"), float("nan"), 0
    means = [float(faces[common].mean()) for faces in (errors.by_face, baseline.by_face)]
    return means[0], means[1], int(common.sum())


def _image_errors(image: LabelledImage, detections: ImageDetections) -> Iterator[Float64Array]:
    """Yield the errors [5] of each face with labelled landmarks."""
    if image.landmarks is None:
        return
    for row, points in enumerate(image.landmarks):
        if np.isnan(points).any():
            continue
        box = image.boxes[row] if len(image.boxes) else None
        yield _face_errors(points, box, detections)


def _face_errors(
    points: Float64Array, box: BoxArray | None, detections: ImageDetections
) -> Float64Array:
    missed = np.full(LANDMARK_COUNT, np.nan)
    if detections.landmarks is None or not len(detections.boxes):
        return missed
    distances = np.linalg.norm(detections.landmarks - points, axis=2)  # [detections, 5]
    if box is None:
        match = _match_by_points(points, distances.mean(axis=1), detections.boxes)
    else:
        match = _match_by_box(box, detections.boxes)
    if match is None:
        return missed
    return np.asarray(100 * distances[match] / np.linalg.norm(points[0] - points[1]))


def _match_by_box(box: BoxArray, boxes: BoxArray) -> int | None:
    ious = iou_matrix(boxes, box[None])[:, 0]
    return int(ious.argmax()) if ious.max() >= _MIN_IOU else None


def _match_by_points(points: Float64Array, distances: Float64Array, boxes: BoxArray) -> int | None:
    centre = points.mean(axis=0)
    contains = ((boxes[:, :2] <= centre) & (centre <= boxes[:, 2:])).all(axis=1)
    if not contains.any():
        return None
    return int(np.where(contains, distances, np.inf).argmin())
