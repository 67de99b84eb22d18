"""Views of a picture (rotated, mirrored or resized), and the mapping back to the picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from facedetect.detection_params import LOOKS
from facedetect.faces import Box, Face, Landmarks, Point
from facedetect.images import BGRImage

_TURNS = {
    90: cv2.ROTATE_90_CLOCKWISE,
    180: cv2.ROTATE_180,
    270: cv2.ROTATE_90_COUNTERCLOCKWISE,
}


@dataclass(frozen=True)
class View:
    """A copy of a picture: rotated clockwise by `rotation` degrees, then mirrored and resized."""

    rotation: int = 0
    is_mirrored: bool = False
    scale: float = 1.0

    def of(self, image: BGRImage) -> BGRImage:
        """Return this view of a picture."""
        if self.scale != 1:
            height, width = image.shape[:2]
            size_wh = max(1, round(width * self.scale)), max(1, round(height * self.scale))
            sampling = cv2.INTER_AREA if self.scale < 1 else cv2.INTER_LINEAR
            image = np.asarray(cv2.resize(image, size_wh, interpolation=sampling), np.uint8)
        if self.rotation:
            image = np.asarray(cv2.rotate(image, _TURNS[self.rotation]), np.uint8)
        return np.asarray(cv2.flip(image, 1), np.uint8) if self.is_mirrored else image

    def face_in_picture(self, face: Face, view: BGRImage, picture: BGRImage) -> Face:
        """Map a face found in the `view` back to the `picture`, both given as pixels.

        The left eye is the one on the left of the upright face, however the picture was rotated.
        """
        if self == View():
            return face

        def back(x: float, y: float) -> tuple[float, float]:
            height, width = view.shape[:2]
            if self.is_mirrored:
                x = width - x
            for _ in range(0, self.rotation, 90):
                x, y, width, height = y, width - x, height, width
            return x * picture.shape[1] / width, y * picture.shape[0] / height

        box = face.box
        corners = back(box.x_min, box.y_min), back(box.x_max, box.y_max)
        (x_min, x_max), (y_min, y_max) = (sorted(pair) for pair in zip(*corners, strict=True))
        points = [Point(*back(point.x, point.y)) for point in face.landmarks]
        if self.is_mirrored:
            points = [points[i] for i in (1, 0, 2, 4, 3)]
        return Face(Box(x_min, y_min, x_max, y_max), face.confidence, Landmarks(*points))


def looks_at(rotation: int, count: int) -> Iterator[View]:
    """Yield the first `count` looks at a picture rotated by `rotation` degrees."""
    return (View(rotation, *look) for look in LOOKS[:count])
