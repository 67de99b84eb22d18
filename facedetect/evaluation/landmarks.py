"""How far landmarks are off, in per cent of the distance between the eyes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from facedetect.evaluation.detections import Found
from facedetect.evaluation.overlaps import overlaps
from facedetect.evaluation.truth import BoxArray, FloatArray, LabelledImage, Truth

FAILURE = 10.0
"""A mean error over so many per cent counts as a failure."""

_LEAST_OVERLAP = 0.5
_POINTS = 5


@dataclass(frozen=True, eq=False)
class LandmarkErrors:
    """The errors of every labelled face, per cent: NaN where the face was missed.

    `by_point`: left eye, right eye, nose, left and right mouth corner, [faces, 5].
    """

    by_point: FloatArray

    @property
    def by_face(self) -> FloatArray:
        """The mean over a face's points, [faces]."""
        return np.asarray(self.by_point.mean(axis=1))

    @property
    def found(self) -> int:
        return int(np.isfinite(self.by_face).sum())

    @property
    def missed(self) -> int:
        return len(self.by_point) - self.found

    @property
    def failures(self) -> int:
        """Faces that were found with an error over 10 %."""
        return int((self.by_face > FAILURE).sum())

    @property
    def mean(self) -> float:
        """The mean of the faces found; NaN if none was."""
        return float(self._sorted().mean()) if self.found else float("nan")

    @property
    def median(self) -> float:
        """The median of the faces found; NaN if none was."""
        return float(np.median(self._sorted())) if self.found else float("nan")

    @property
    def mean_by_point(self) -> FloatArray:
        """The mean of each point over the faces found, [5]; NaN if none was."""
        if not self.found:
            return np.full(_POINTS, np.nan)
        return np.asarray(np.nanmean(self.by_point, axis=0))

    def cumulative(self) -> tuple[FloatArray, FloatArray]:
        """Errors from the least up, per cent, and the share of all faces, 0..1, up to each."""
        errors = self._sorted()
        return errors, np.arange(1, len(errors) + 1) / max(len(self.by_point), 1)

    def _sorted(self) -> FloatArray:
        return np.sort(self.by_face[np.isfinite(self.by_face)])


@dataclass(frozen=True)
class MeansOfBoth:
    """The mean errors of two runs, per cent, over the faces that both found; NaN if none is."""

    one: float
    other: float
    faces: int


def score_landmarks(truth: Truth, found: Sequence[Found]) -> LandmarkErrors:
    """The errors of all faces that have landmarks, in the order of the truth.

    A face with a labelled box is found by the detection whose box overlaps it most, by a half or
    more. Where only points are labelled, it is found by a detection whose box holds their middle;
    of several, the one whose landmarks are nearest. A detection without landmarks finds no face.
    """
    answers = {answer.image: answer for answer in found}
    errors = [
        row for image in truth.images for row in _image_errors(image, answers.get(image.name))
    ]
    return LandmarkErrors(np.array(errors).reshape(-1, _POINTS))


def mean_of_both(one: LandmarkErrors, other: LandmarkErrors) -> MeansOfBoth:
    """Compare two runs over one truth by the faces both found: what one misses is no merit."""
    both = np.isfinite(one.by_face) & np.isfinite(other.by_face)
    if not both.any():
        return MeansOfBoth(float("nan"), float("nan"), 0)
    means = [float(errors.by_face[both].mean()) for errors in (one, other)]
    return MeansOfBoth(means[0], means[1], int(both.sum()))


def _image_errors(image: LabelledImage, answer: Found | None) -> Iterator[FloatArray]:
    """The error of each point of each labelled face, [5]."""
    if image.landmarks is None:
        return
    for row, points in enumerate(image.landmarks):
        if np.isnan(points).any():
            continue
        box = image.boxes[row] if len(image.boxes) else None
        yield _face_errors(points, box, answer)


def _face_errors(points: FloatArray, box: BoxArray | None, answer: Found | None) -> FloatArray:
    missed = np.full(_POINTS, np.nan)
    if answer is None or answer.landmarks is None or not len(answer.boxes):
        return missed
    distances = np.linalg.norm(answer.landmarks - points, axis=2)  # [detections, 5]
    if box is None:
        face = _nearest(points, distances.mean(axis=1), answer.boxes)
    else:
        face = _most_overlapping(box, answer.boxes)
    if face is None:
        return missed
    return np.asarray(100 * distances[face] / np.linalg.norm(points[0] - points[1]))


def _most_overlapping(box: BoxArray, boxes: BoxArray) -> int | None:
    found = overlaps(boxes, box[None])[:, 0]
    return int(found.argmax()) if found.max() >= _LEAST_OVERLAP else None


def _nearest(points: FloatArray, distances: FloatArray, boxes: BoxArray) -> int | None:
    middle = points.mean(axis=0)
    is_inside = ((boxes[:, :2] <= middle) & (middle <= boxes[:, 2:])).all(axis=1)
    if not is_inside.any():
        return None
    return int(np.where(is_inside, distances, np.inf).argmin())
