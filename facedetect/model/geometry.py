"""The geometries of the cascade: everything but its weights, down to the pixel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from facedetect.errors import InvalidSettings


class Rounding(StrEnum):
    DOWN = "down"
    UP = "up"


class Resampling(StrEnum):
    """How the levels of the pyramid are made from the image."""

    BILINEAR = "bilinear"
    """Of the four pixels around a point: where the image shrinks, others are left out."""
    AREA = "area"
    """The mean of all that lies under a pixel."""


@dataclass(frozen=True)
class Geometry:
    """What lies where, and how candidates are pruned between the nets.

    Overlaps are intersection over union, 0..1; counts are boxes.
    """

    level_rounding: Rounding
    """Of a level's sides to whole pixels."""
    level_resampling: Resampling
    box_extent: int
    """A box's side is y2 - y1 plus this, where the nets' offsets are multiplied by it."""
    truncates_squares: bool
    """Whether candidates' squares end at whole pixels, toward zero."""
    crop_origin: int
    """Crops reach from (start - this) / (side - this) of the image: 1 if pixels count from 1."""
    landmark_shift: float
    """From the cascade's landmarks to places where (0, 0) is the image's top left corner, px."""
    averages_landmarks: bool
    """Whether landmarks are the mean of several looks at a face, mirrored ones among them."""
    scale_overlap: float
    """Boxes of one pyramid level that overlap more are the same candidate."""
    pnet_overlap: float
    """The same over all levels."""
    rnet_overlap: float
    onet_overlap: float
    max_candidates: int
    """Boxes kept after each net, best first."""


REFERENCE = Geometry(
    level_rounding=Rounding.DOWN,
    level_resampling=Resampling.BILINEAR,
    box_extent=0,
    truncates_squares=False,
    crop_origin=0,
    landmark_shift=0,
    averages_landmarks=False,
    scale_overlap=0.5,
    pnet_overlap=0.7,
    rnet_overlap=0.7,
    onet_overlap=0.6,
    max_candidates=1000,
)
"""The published tf-mtcnn graph."""

ACCURATE = Geometry(
    level_rounding=Rounding.UP,
    level_resampling=Resampling.AREA,
    box_extent=1,
    truncates_squares=True,
    crop_origin=1,
    landmark_shift=-0.5,
    averages_landmarks=False,
    scale_overlap=0.5,
    pnet_overlap=0.7,
    rnet_overlap=0.7,
    onet_overlap=0.5,
    max_candidates=6000,
)
"""The author's own code, but for its crops, as docs/accuracy.md measures it."""

GEOMETRIES = {"accurate": ACCURATE, "reference": REFERENCE}


def named_geometry(name: str, *, averages_landmarks: bool = False) -> Geometry:
    """One of GEOMETRIES, with averaged landmarks if asked for.

    Raises InvalidSettings if there is none of that name, or it is the reference, which has to stay
    what was published.
    """
    geometry = GEOMETRIES.get(name)
    if geometry is None:
        known = ", ".join(GEOMETRIES)
        raise InvalidSettings(f"there is no geometry {name!r}; there are {known}")
    if averages_landmarks and geometry is REFERENCE:
        raise InvalidSettings(
            f"the geometry {name} is the published graph, which does not average landmarks; "
            "use accurate"
        )
    return replace(geometry, averages_landmarks=averages_landmarks)
