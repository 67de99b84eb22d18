"""Faces and detections: immutable values."""

from __future__ import annotations

import cmath
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, Self, TypeVar

from facedetect.errors import FacedetectError
from facedetect.model_ref import ModelRef

S = TypeVar("S")

Channels = Literal["BGR", "RGB"]
"""The channel order of arrays: OpenCV's, or that of Pillow and most other libraries."""


@dataclass(frozen=True)
class Point:
    """A point in the upright image, px; (0, 0) is the top left corner."""

    x: float
    y: float


@dataclass(frozen=True)
class Box:
    """A face's rectangle in the upright image, px, clipped to the image."""

    x_min: float
    y_min: float
    x_max: float
    y_max: float

    @property
    def width(self) -> float:
        return self.x_max - self.x_min

    @property
    def height(self) -> float:
        return self.y_max - self.y_min

    @property
    def area(self) -> float:
        return self.width * self.height

    @property
    def xyxy(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom, px."""
        return self.x_min, self.y_min, self.x_max, self.y_max

    @property
    def xywh(self) -> tuple[float, float, float, float]:
        """Left, top, width and height, px."""
        return self.x_min, self.y_min, self.width, self.height

    def overlap(self, other: Box) -> float:
        """Return the intersection over union, 0..1."""
        width = min(self.x_max, other.x_max) - max(self.x_min, other.x_min)
        height = min(self.y_max, other.y_max) - max(self.y_min, other.y_min)
        both = max(width, 0.0) * max(height, 0.0)
        return both / (self.area + other.area - both)


@dataclass(frozen=True)
class Landmarks:
    """Five points of a face. Left and right are as seen by a viewer of the upright face."""

    left_eye: Point
    right_eye: Point
    nose: Point
    mouth_left: Point
    mouth_right: Point

    def __iter__(self) -> Iterator[Point]:
        return iter((self.left_eye, self.right_eye, self.nose, self.mouth_left, self.mouth_right))

    @property
    def xy(self) -> tuple[float, ...]:
        """x and y of each point in turn, px."""
        return tuple(value for point in self for value in (point.x, point.y))


@dataclass(frozen=True)
class Face:
    """One face: its box, the model's confidence (0..1) and its landmarks.

    `roll_deg` is the face's clockwise rotation in the image, from its landmarks, -180..180: 0 is
    upright, at 90 the top of the head is on the right.
    """

    box: Box
    confidence: float
    landmarks: Landmarks
    roll_deg: float = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "roll_deg", _roll_deg(self.landmarks))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the face of which these are `to_dict`'s; a wrong shape raises Python's errors."""
        box = {side: float(value) for side, value in values["box"].items()}
        points = {
            name: Point(float(point["x"]), float(point["y"]))
            for name, point in values["landmarks"].items()
        }
        return cls(Box(**box), float(values["confidence"]), Landmarks(**points))

    def to_dict(self) -> dict[str, Any]:
        """Return the face in the format of the service's JSON: nested dicts of numbers.

        They are rounded to 0.01 px, 5 digits of the score and 0.1 degrees.
        """
        points = {name: _rounded(vars(point)) for name, point in vars(self.landmarks).items()}
        return {
            "box": _rounded(vars(self.box)),
            "confidence": round(self.confidence, 5),
            "landmarks": points,
            "roll_deg": round(self.roll_deg, 1) + 0.0,  # -0.0 is 0
        }


def _rounded(place: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 2) + 0.0 for name, value in place.items()}


@dataclass(frozen=True)
class Detection:
    """All faces in one image, by descending confidence; its size, px; and the model used."""

    width: int
    height: int
    faces: list[Face]
    model: ModelRef


@dataclass(frozen=True)
class ImageResult(Generic[S]):
    """The result for one image of a batch: a detection or an error; the other is None."""

    source: S
    detection: Detection | None
    error: FacedetectError | None


def _roll_deg(marks: Landmarks) -> float:
    """Return the roll angle from eyes, mouth, and the direction from eyes to mouth.

    The latter because in profile the eyes are almost at the same place.
    """
    left_eye, right_eye, _, left, right = (complex(point.x, point.y) for point in marks)
    across = right_eye - left_eye + right - left
    down = left + right - left_eye - right_eye
    return math.degrees(cmath.phase(across - 1j * down))
