"""The geometries of the cascade: everything that defines it except the weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from facedetect.errors import InvalidSettings


@dataclass(frozen=True)
class Geometry:
    """Where pixels, boxes and crops lie, and how candidates are pruned between the nets.

    Overlaps are intersection over union, 0..1.
    """

    level_rounding: Literal["down", "up"]
    """How a level's sides are rounded to integers."""
    level_resampling: Literal["bilinear", "area"]
    """How a level is resized from the image: from the four nearest pixels, or as area means."""
    box_extent: int
    """Added to y2 - y1 for the side that the nets' offsets are multiplied by."""
    truncates_squares: bool
    """Whether the squares passed to the next net are truncated to whole pixels."""
    crop_origin: int
    """A crop starts at (y1 - this) / (height - this) of the image; 1 if pixels count from 1."""
    landmark_shift: float
    """Added to the landmarks, px, so that (0, 0) is the image's top left corner."""
    max_candidates: int
    """Boxes kept after each net, best first."""
    onet_overlap: float
    """Boxes that overlap more after O-Net are the same face."""
    rnet_overlap: float = 0.7
    pnet_overlap: float = 0.7
    """The same across all levels of the pyramid."""
    scale_overlap: float = 0.5
    """The same within one level."""
    averages_landmarks: bool = False
    """Whether landmarks are averaged over several crops of a face, one of them mirrored."""


REFERENCE = Geometry(
    level_rounding="down",
    level_resampling="bilinear",
    box_extent=0,
    truncates_squares=False,
    crop_origin=0,
    landmark_shift=0,
    max_candidates=1000,
    onet_overlap=0.6,
)
"""The published tf-mtcnn graph's geometry."""

ACCURATE = Geometry(
    level_rounding="up",
    level_resampling="area",
    box_extent=1,
    truncates_squares=True,
    crop_origin=1,
    landmark_shift=-0.5,
    max_candidates=6000,
    onet_overlap=0.5,
)
"""The geometry of the author's code, except for its crops; see docs/accuracy-comparison.md."""

GEOMETRIES = {"accurate": ACCURATE, "reference": REFERENCE}


def named_geometry(name: str, *, averages_landmarks: bool = False) -> Geometry:
    """Return one of GEOMETRIES, optionally with averaged landmarks.

    Raises InvalidSettings for an unknown name, and for averaged landmarks in the reference, which
    must equal the published graph.
    """
    geometry = GEOMETRIES.get(name)
    if geometry is None:
        known = ", ".join(GEOMETRIES)
        raise InvalidSettings(f"there is no geometry {name!r}; choose one of {known}")
    if averages_landmarks and geometry is REFERENCE:
        raise InvalidSettings(
            f"the geometry {name} matches the published graph, which does not average landmarks; "
            "use accurate"
        )
    return replace(geometry, averages_landmarks=averages_landmarks)
