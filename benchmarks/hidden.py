"""Find and score what a tool hid in a picture, only from the pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from facedetect.faces import Box
from facedetect.images import BGRImage

Mask = NDArray[np.uint8]
"""[height, width]: 1 where pixels are hidden, 0 elsewhere."""

HIDDEN_SHARE = 0.5
_ALLOWED_MARGIN = 0.5  # of a labelled face's width and height, on each side
_GAP = 9  # px: blurring leaves some pixels unchanged by chance
_BRIGHT, _BLACK = 80, 40
_SIZES = (20, 40)  # px, the bounds of the size classes


@dataclass
class Hidden:
    """Totals over pictures: sides of labelled faces, px; whether each is hidden; false pixels."""

    sides: list[float] = field(default_factory=list)
    is_hidden: list[bool] = field(default_factory=list)
    false_pixels: int = 0
    pixels: int = 0

    @property
    def faces(self) -> int:
        return len(self.sides)

    @property
    def missed(self) -> int:
        return self.is_hidden.count(False)

    def add(self, other: Hidden) -> None:
        self.sides += other.sides
        self.is_hidden += other.is_hidden
        self.false_pixels += other.false_pixels
        self.pixels += other.pixels

    def by_size(self) -> dict[str, tuple[int, int]]:
        """Return missed and labelled faces, by longer side."""
        bounds = [0, *_SIZES, np.inf]
        names = [f"< {_SIZES[0]} px", f"< {_SIZES[1]} px", "larger"]
        counts = {}
        for name, low, high in zip(names, bounds, bounds[1:], strict=False):
            pairs = zip(self.sides, self.is_hidden, strict=True)
            hidden = [is_hidden for side, is_hidden in pairs if low <= side < high]
            if hidden:
                counts[name] = (hidden.count(False), len(hidden))
        return counts


def hidden_by_change(source: BGRImage, result: BGRImage) -> Mask:
    """Return where a losslessly stored picture has changed."""
    changed = np.any(source != result, axis=2).astype(np.uint8)
    kernel = np.ones((_GAP, _GAP), np.uint8)
    return np.asarray(cv2.morphologyEx(changed, cv2.MORPH_CLOSE, kernel), np.uint8)


def hidden_by_black(source: BGRImage, result: BGRImage) -> Mask:
    """Return where bright pixels of a frame became black, with gaps closed."""
    was_bright = source.max(axis=2) > _BRIGHT
    is_black = result.max(axis=2) < _BLACK
    kernel = np.ones((_GAP, _GAP), np.uint8)
    black = (was_bright & is_black).astype(np.uint8)
    return np.asarray(cv2.morphologyEx(black, cv2.MORPH_CLOSE, kernel), np.uint8)


def score_mask(mask: Mask, faces: Sequence[Box], others: Sequence[Box] = ()) -> Hidden:
    """Compare what was hidden with the labelled faces; `others` may be hidden or not."""
    allowed = np.zeros_like(mask)
    hidden = Hidden(pixels=mask.size)
    for face in faces:
        inside = _cut(mask, face, 0)
        if inside.size:
            hidden.sides.append(max(face.width, face.height))
            hidden.is_hidden.append(float(inside.mean()) >= HIDDEN_SHARE)
    for face in (*faces, *others):
        _cut(allowed, face, _ALLOWED_MARGIN)[:] = 1
    hidden.false_pixels = int((mask & ~allowed & 1).sum())
    return hidden


def _cut(mask: Mask, face: Box, margin: float) -> Mask:
    """Return a view of a face's box, extended by `margin` of its size on each side."""
    across, down = face.width * margin, face.height * margin
    rows = slice(max(0, round(face.y_min - down)), max(0, round(face.y_max + down)))
    columns = slice(max(0, round(face.x_min - across)), max(0, round(face.x_max + across)))
    return mask[rows, columns]
