"""Draw or hide faces, always on a copy."""

from __future__ import annotations

from collections.abc import Sequence

import cv2

from facedetect.faces import Face
from facedetect.hiding import DEFAULT_MASK, Mask, hide
from facedetect.images import BGRImage
from facedetect.styles import DrawnStyle

_BOX_COLOUR = (90, 220, 60)
_POINT_COLOUR = (40, 90, 255)
_TEXT_COLOUR = (0, 0, 0)

# Lines one pixel wide vanish when a large photograph is scaled to a screen: scale them with it.
_PIXELS_PER_LINE_WIDTH = 400
_FACE_PER_LINE_WIDTH = 30
_SMALLEST_SCALE = 0.3
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def render(
    image: BGRImage,
    faces: Sequence[Face],
    style: DrawnStyle,
    mask: Mask = DEFAULT_MASK,
) -> BGRImage:
    """Return a copy with the faces drawn or hidden in this style."""
    return annotate(image, faces) if style == "box" else hide(image, faces, style, mask)


def annotate(image: BGRImage, faces: Sequence[Face]) -> BGRImage:
    """Return a copy with each face's box, landmarks and confidence drawn.

    Lines and labels grow with the image, but never beyond the face's own size; labels too small to
    read are omitted.
    """
    canvas = image.copy()
    widest = max(1, round(max(image.shape[:2]) / _PIXELS_PER_LINE_WIDTH))
    for face in faces:
        _draw_label(canvas, face, widest)
    for face in faces:
        _draw_face(canvas, face, widest)
    return canvas


def _draw_face(canvas: BGRImage, face: Face, widest: int) -> None:
    box = face.box
    line_width = min(widest, max(1, round(box.width / _FACE_PER_LINE_WIDTH)))
    top_left, bottom_right = _pixel(box.x_min, box.y_min), _pixel(box.x_max, box.y_max)
    cv2.rectangle(canvas, top_left, bottom_right, _BOX_COLOUR, line_width, cv2.LINE_AA)
    radius = min(widest + 1, max(1, round(box.width / _FACE_PER_LINE_WIDTH)))
    for point in face.landmarks:
        cv2.circle(canvas, _pixel(point.x, point.y), radius, _POINT_COLOUR, cv2.FILLED)


def _draw_label(canvas: BGRImage, face: Face, widest: int) -> None:
    """Write above the box, or inside it if there is no room above."""
    text = f"{face.confidence:.2f}"
    (unit_width, _), _ = cv2.getTextSize(text, _FONT, 1, 1)
    scale = min(0.4 * widest, face.box.width / (unit_width + 10))
    if scale < _SMALLEST_SCALE:
        return
    thickness = max(1, round(2 * scale))
    (width, height), margin = cv2.getTextSize(text, _FONT, scale, thickness)
    x, y = _pixel(face.box.x_min, face.box.y_min)
    label_height = height + 2 * margin
    bottom = y if y >= label_height else y + label_height
    opposite = (x + width + 2 * margin, bottom - label_height)
    cv2.rectangle(canvas, (x, bottom), opposite, _BOX_COLOUR, cv2.FILLED)
    at = (x + margin, bottom - margin)
    cv2.putText(canvas, text, at, _FONT, scale, _TEXT_COLOUR, thickness, cv2.LINE_AA)


def _pixel(x: float, y: float) -> tuple[int, int]:
    return round(x), round(y)
