"""Search an image in all views that the parameters request."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from facedetect.arrays import Float32Array
from facedetect.backends import RawDetections
from facedetect.detection_params import DetectionParams
from facedetect.faces import Box, Face, Landmarks, Point
from facedetect.fusion import fuse_looks, keep_best
from facedetect.images import BGRImage
from facedetect.model_ref import ModelRef
from facedetect.views import View, looks_at

Predict = Callable[[BGRImage], RawDetections]
"""Runs the model on the pixels of a view."""

# Faces on their side, and false positives, have lower scores.
_SURE = 0.998


def search(
    image: BGRImage, params: DetectionParams, predict: Predict
) -> tuple[list[Face], ModelRef]:
    """Find the faces in an image, each once; returns them with the model that answered first."""
    models: list[ModelRef] = []

    def found_in(view: View) -> list[Face]:
        pixels = view.of(image)
        raw = predict(pixels)
        models.append(raw.model)
        return [view.face_in_picture(face, pixels, image) for face in _to_faces(raw, pixels)]

    def found_at(rotation: int) -> list[Face]:
        return fuse_looks([found_in(view) for view in looks_at(rotation, params.looks)])

    return combine(found_at, params), models[0]


def combine(found_at: Callable[[int], list[Face]], params: DetectionParams) -> list[Face]:
    """Search the requested rotations with `found_at`; return each face once."""
    found = (
        [face for face in found_at(rotation) if face.confidence >= params.min_confidence]
        for rotation in params.searches
    )
    return keep_best(_as_needed(found) if params.rotations == "auto" else list(found))


def _as_needed(found: Iterator[list[Face]]) -> list[list[Face]]:
    """Return all faces found, or only the upright ones if one of them is certain."""
    upright = next(found)
    is_sure = any(face.confidence >= _SURE for face in upright)
    return [upright] if is_sure else [upright, *found]


def _to_faces(raw: RawDetections, image: BGRImage) -> list[Face]:
    """Convert raw tensors to faces: y, x become x, y; clip boxes to the image."""
    height, width = image.shape[:2]
    y_min, x_min, y_max, x_max = raw.box.T
    boxes = np.stack(
        [
            np.clip(x_min, 0, width),
            np.clip(y_min, 0, height),
            np.clip(x_max, 0, width),
            np.clip(y_max, 0, height),
        ],
        axis=1,
    )
    rows = zip(boxes.tolist(), raw.prob.tolist(), raw.landmarks, strict=True)
    faces = [Face(Box(*box), confidence, _to_landmarks(row)) for box, confidence, row in rows]
    return [face for face in faces if face.box.area > 0]


def _to_landmarks(row: Float32Array) -> Landmarks:
    ys, xs = row[:5].tolist(), row[5:].tolist()
    return Landmarks(*(Point(x, y) for x, y in zip(xs, ys, strict=True)))
