"""Drawing faces, always on a copy."""

from __future__ import annotations

from collections.abc import Sequence

import cv2

from facedetect.faces import Face
from facedetect.images import BGRImage

_BOX_COLOUR = (90, 220, 60)
_POINT_COLOUR = (40, 90, 255)
_TEXT_COLOUR = (0, 0, 0)

# Lines one pixel wide vanish when a large photograph is shown on a screen: scale them with it.
_PIXELS_PER_LINE_WIDTH = 400
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def annotate(image: BGRImage, faces: Sequence[Face]) -> BGRImage:
    """Return a copy with each face's box, landmarks and confidence drawn."""
    canvas = image.copy()
    line_width = max(1, round(max(image.shape[:2]) / _PIXELS_PER_LINE_WIDTH))
    for face in faces:
        _draw_face(canvas, face, line_width)
    return canvas


def _draw_face(canvas: BGRImage, face: Face, line_width: int) -> None:
    box = face.box
    top_left, bottom_right = _pixel(box.x_min, box.y_min), _pixel(box.x_max, box.y_max)
    cv2.rectangle(canvas, top_left, bottom_right, _BOX_COLOUR, line_width, cv2.LINE_AA)
    for point in face.landmarks:
        cv2.circle(canvas, _pixel(point.x, point.y), line_width + 1, _POINT_COLOUR, cv2.FILLED)
    _draw_label(canvas, f"{face.confidence:.3f}", top_left, line_width)


def _draw_label(canvas: BGRImage, text: str, corner: tuple[int, int], line_width: int) -> None:
    """Write above the box, or inside it where there is no room above."""
    scale = 0.4 * line_width
    (width, height), margin = cv2.getTextSize(text, _FONT, scale, line_width)
    x, y = corner
    label_height = height + 2 * margin
    bottom = y if y >= label_height else y + label_height
    opposite = (x + width + 2 * margin, bottom - label_height)
    cv2.rectangle(canvas, (x, bottom), opposite, _BOX_COLOUR, cv2.FILLED)
    at = (x + margin, bottom - margin)
    cv2.putText(canvas, text, at, _FONT, scale, _TEXT_COLOUR, line_width, cv2.LINE_AA)


def _pixel(x: float, y: float) -> tuple[int, int]:
    return round(x), round(y)
