"""Labelled pictures: what a detector ought to find."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

BoxArray = FloatArray
"""[n, 4] x_min, y_min, x_max, y_max, px."""

FARTHEST = 1e6
"""No coordinate of a label or an answer is farther from 0, px: it is no place in a picture."""

ALL = "all"
"""The subset of a truth that has no others."""


class Protocol(StrEnum):
    """How the answers are scored."""

    WIDER = "wider"
    LANDMARKS = "landmarks"


@dataclass(frozen=True, eq=False)
class LabelledImage:
    """One picture and its faces.

    `name` is unique within the truth. `boxes` are all labelled faces, [n, 4] px; `counted` says by
    subset which of them, [n], must be found: the others are ignored. `landmarks` are [n, 5, 2] x,
    y, px: left eye, right eye, nose, left and right mouth corner, left and right as the image has
    them, NaN where a face has none.
    """

    name: str
    path: Path
    boxes: BoxArray
    counted: Mapping[str, BoolArray]
    landmarks: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class Truth:
    """Labelled pictures, the subsets of their faces, and how answers are scored.

    `remarks` are what its reader should know, such as that the official levels are not there.
    """

    protocol: Protocol
    subsets: tuple[str, ...]
    images: tuple[LabelledImage, ...]
    remarks: tuple[str, ...] = ()

    def fingerprint(self) -> str:
        """A hash of the names and the labels: another truth has another one."""
        digest = hashlib.sha256(f"{self.protocol} {self.subsets}".encode())
        for image in self.images:
            digest.update(f"\n{image.name!r}".encode())
            for array in (image.boxes, image.landmarks):
                digest.update(b"-" if array is None else _bytes_of(array))
            for subset in self.subsets:
                digest.update(image.counted[subset].tobytes())
        return digest.hexdigest()


def _bytes_of(array: FloatArray) -> bytes:
    return f"{array.shape}".encode() + np.ascontiguousarray(array, np.float64).tobytes()
