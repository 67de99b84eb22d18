"""The numbers of the cascade, apart from its nets."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Geometry:
    """How boxes are pruned between the nets.

    Overlaps are intersection over union, 0..1; counts are boxes.
    """

    scale_overlap: float
    """Boxes of one pyramid level that overlap more are the same candidate."""
    pnet_overlap: float
    """The same over all levels."""
    rnet_overlap: float
    onet_overlap: float
    max_candidates: int
    """Boxes kept after each net, best first."""


REFERENCE = Geometry(
    scale_overlap=0.5,
    pnet_overlap=0.7,
    rnet_overlap=0.7,
    onet_overlap=0.6,
    max_candidates=1000,
)
"""The published tf-mtcnn graph."""
