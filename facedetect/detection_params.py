"""How to detect faces: parameters, validated on creation, and their text forms."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Literal, Self

from facedetect.argument_checks import check_number, is_finite_number, shortened
from facedetect.errors import InvalidParams

PNET_SIDE = 12
"""P-Net's window size, px: the pyramid scales faces of min_size to it."""

MIN_SIZE_BOUND = 8
FACTOR_BOUNDS = (0.1, 0.95)
DEFAULT_MAX_PYRAMID_PIXELS = 50_000_000
OWN_FILES_MAX_PYRAMID_PIXELS = 200_000_000

Rotations = tuple[int, ...] | Literal["auto"]
ROTATIONS = (0, 90, 180, 270)

LOOKS = ((False, 1.0), (True, 0.84), (True, 1.0), (False, 0.84), (False, 1.3), (True, 1.3))
"""The looks at a picture: whether it is mirrored, and its scale factor."""

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")

# Served models use the same messages.
IMAGE_RULE = "the image must be [height, width, 3] and not empty"
MIN_SIZE_RULE = f"min_size must be at least {MIN_SIZE_BOUND}"
FACTOR_RULE = f"factor must be from {FACTOR_BOUNDS[0]} to {FACTOR_BOUNDS[1]}"
THRESHOLD_RULE = "each threshold must be between 0 and 1"
_CONFIDENCE_RULE = "min_confidence must be from 0 to 1"
_ROTATIONS_RULE = "rotations must be auto, or some of 0,90,180,270"
WORK_RULE = "the pyramid of the image must have at most {limit:.0f} pixels"


@dataclass(frozen=True)
class DetectionParams:
    """How to detect faces.

    `min_size`: the smallest face to find, px, at least 8; twice the size is about four times as
    fast. `factor`: the scale from one level of the image pyramid to the next, 0.1..0.95; larger
    finds more and takes longer. `thresholds`: the minimum score, between 0 and 1, after each of
    the three nets; higher means fewer false positives and more misses. `min_confidence`: faces
    with a lower confidence are dropped, 0..1. `rotations`: the clockwise rotations of the image to
    search, any of 0, 90, 180 and 270 degrees; "auto" rotates only if no upright face is found with
    a confidence of 0.998. `looks`: how many mirrored or resized copies of the image to search,
    1..6; a face's confidence is the mean over them.

    Raises InvalidParams if a value is out of range or of the wrong type.
    """

    min_size: float = 20
    factor: float = 0.709
    thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7)
    min_confidence: float = 0.0
    rotations: Rotations = (0,)
    looks: int = 1

    def __post_init__(self) -> None:
        low, high = FACTOR_BOUNDS
        check_number(MIN_SIZE_RULE, self.min_size, lambda size: size >= MIN_SIZE_BOUND)
        check_number(FACTOR_RULE, self.factor, lambda factor: low <= factor <= high)
        check_number(_CONFIDENCE_RULE, self.min_confidence, lambda share: 0 <= share <= 1)
        object.__setattr__(self, "thresholds", _checked_thresholds(self.thresholds))
        object.__setattr__(self, "rotations", _checked_rotations(self.rotations))
        object.__setattr__(self, "looks", _checked_looks(self.looks))

    @property
    def searches(self) -> tuple[int, ...]:
        """Return all rotations that may be searched."""
        return ROTATIONS if self.rotations == "auto" else self.rotations

    def of_one_view(self) -> DetectionParams:
        """Return the parameters for the model's search of each copy of the image."""
        return DetectionParams(self.min_size, self.factor, self.thresholds)

    def pyramid_pixels(self, width: int, height: int) -> float:
        """Return the pixels of all pyramid levels together, which determine the cost.

        This is the geometric series width * height * (12 / min_size)^2 * factor^(2k), summed for
        each copy of the image that may be searched.
        """
        first_level = width * height * (PNET_SIDE / self.min_size) ** 2
        copies = len(self.searches) * sum(scale**2 for _, scale in LOOKS[: self.looks])
        return copies * first_level / (1 - self.factor**2)

    def check_work(self, width: int, height: int, max_pyramid_pixels: float) -> None:
        """Raise InvalidParams if an image of this size would take more work than allowed."""
        pixels = self.pyramid_pixels(width, height)
        if pixels <= max_pyramid_pixels:
            return
        least = self.passing_min_size(width, height, max_pyramid_pixels)
        raise InvalidParams(
            f"{WORK_RULE.format(limit=max_pyramid_pixels)}; min_size {self.min_size:.9g} and "
            f"factor {self.factor:.9g} on {width}x{height} pixels{self._views()} would need "
            f"{pixels:.0f}; use min_size {least} or more"
        )

    def fitted(self, width: int, height: int, max_pyramid_pixels: float) -> Self:
        """Return the parameters to use for an image of this size; raises as `check_work` does."""
        self.check_work(width, height, max_pyramid_pixels)
        return self

    def passing_min_size(self, width: int, height: int, max_pyramid_pixels: float) -> int:
        """Return the smallest integer min_size with which an image of this size stays in bounds."""
        share = self.pyramid_pixels(width, height) / max_pyramid_pixels
        return math.ceil(self.min_size * math.sqrt(share))

    def _views(self) -> str:
        count = len(self.searches) * self.looks
        return f" in {count} views (rotations, looks)" if count > 1 else ""


def parse_thresholds(text: str) -> tuple[float, float, float]:
    """Parse "0.6,0.7,0.7"; raises InvalidParams."""
    try:
        first, second, third = (parse_number(part.strip()) for part in text.split(","))
    except ValueError as error:
        raise InvalidParams(
            f"thresholds is {text!r}; it must be three numbers such as 0.6,0.7,0.7"
        ) from error
    return first, second, third


def parse_rotations(text: str) -> Rotations:
    """Parse "auto" or "0,90,180,270"; raises InvalidParams."""
    if text.strip() == "auto":
        return "auto"
    parts = [part.strip() for part in text.split(",")]
    if not all(part in map(str, ROTATIONS) for part in parts):
        raise InvalidParams(f"{_ROTATIONS_RULE}; it is {text[:40]!r}")
    return tuple(map(int, parts))


def parse_number(text: str) -> float:
    """Parse a plain number; raises ValueError for other forms that Python accepts, such as 2_0."""
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is not a number in plain digits")
    return float(text)


def _checked_thresholds(given: Any) -> tuple[float, ...]:
    if isinstance(given, str) or not hasattr(given, "__len__"):
        raise InvalidParams(
            f"thresholds must be three numbers such as (0.6, 0.7, 0.7); it is {shortened(given)}"
        )
    if len(given) != 3:  # noqa: PLR2004 - one a net
        raise InvalidParams(
            f"thresholds has {len(given)} values; give three, one for each net, such as 0.6,0.7,0.7"
        )
    for threshold in given:
        check_number(THRESHOLD_RULE, threshold, lambda score: 0 < score < 1)
    return tuple(given)


def _checked_rotations(given: Any) -> Rotations:
    if isinstance(given, str) and given == "auto":
        return "auto"
    angles = list(given) if hasattr(given, "__iter__") else []
    known = [int(angle) for angle in angles if is_finite_number(angle) and angle in ROTATIONS]
    if not known or len(known) < len(angles) or len(set(known)) < len(known):
        what = shortened(given) if angles else f"{shortened(given)}; write one as (90,)"
        raise InvalidParams(f"{_ROTATIONS_RULE}, each once; it is {what}")
    return tuple(known)


def _checked_looks(given: Any) -> int:
    if not is_finite_number(given) or given not in range(1, len(LOOKS) + 1):
        raise InvalidParams(
            f"looks must be an integer from 1 to {len(LOOKS)}; it is {shortened(given)}"
        )
    return int(given)
