"""Crop faces from an image, either unchanged or aligned for recognition."""

from __future__ import annotations

import math
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from facedetect.faces import Box, Face
from facedetect.images import BGRImage

CropStyle = Literal["plain", "aligned"]
"""How faces are cropped: with a margin, or rotated and scaled onto the template."""

ALIGNED_SIDE = 112
"""Width and height of an aligned face, px: the input of ArcFace-like recognition models."""

# ArcFace's positions of eyes, nose and mouth corners in 112 x 112 pixels, px (InsightFace,
# https://github.com/deepinsight/insightface, face_align.py).
_TEMPLATE = (
    (38.2946, 51.6963),
    (73.5318, 51.5014),
    (56.0252, 71.7366),
    (41.5493, 92.3655),
    (70.7299, 92.2041),
)
# A face ten thousand pixels wide is scaled by 0.01, one of eight pixels by 14; landmarks beyond
# that are not a face's.
_SCALE_BOUNDS = (0.001, 100.0)
# The spread of five points that are equal except for rounding, px squared.
_SMALLEST_SPREAD = 1e-6
# Bilinear sampling reads two pixels per side and skips others in between.
_SMALLEST_SAMPLED_SCALE = 0.5
_SAMPLED_AROUND = 4


def cut(image: BGRImage, face: Face, style: CropStyle) -> BGRImage:
    """Return the face's crop in this style."""
    return crop(image, face) if style == "plain" else align(image, face)


def crop(image: BGRImage, face: Face, *, margin: float = 0.25) -> BGRImage:
    """Return a copy of the face's box, extended by `margin` times its size on each side.

    Clipped to the image; never empty.
    """
    return region_of(image, face.box, margin).copy()


def align(image: BGRImage, face: Face) -> BGRImage:
    """Return the face in 112 x 112 px, with its landmarks where ArcFace-like models expect them.

    Rotated, scaled and moved, but never distorted; black beyond the image. If all landmarks are the
    same point, the box fills the square.
    """
    moved = _onto_template(face)
    part, to_image = _part_for(image, moved)
    return np.asarray(
        cv2.warpAffine(part, (moved @ to_image)[:2], (ALIGNED_SIDE, ALIGNED_SIDE)), np.uint8
    )


def region_of(image: BGRImage, box: Box, margin: float) -> BGRImage:
    """Return a view of a box extended by `margin` times its size on each side; never empty."""
    return image[region_slices(image, box, margin)]


def region_slices(image: BGRImage, box: Box, margin: float) -> tuple[slice, slice]:
    """Return the rows and columns of that region; at least one of each."""
    across, down = box.width * margin, box.height * margin
    height, width = image.shape[:2]
    rows = _span(box.y_min - down, box.y_max + down, height)
    return rows, _span(box.x_min - across, box.x_max + across, width)


def _span(start: float, stop: float, length: int) -> slice:
    """Return the whole pixels from `start` to `stop` within `length`; at least one."""
    first = min(max(0, math.floor(start)), length - 1)
    return slice(first, max(first + 1, min(length, math.ceil(stop))))


def _onto_template(face: Face) -> NDArray[np.float64]:
    """Return the similarity transform that brings the landmarks closest to the template.

    It is [3, 3], in px from the centre of the top left pixel. This is the least-squares solution of
    S. Umeyama (Least-squares estimation of transformation parameters between two point patterns,
    IEEE PAMI 13(4), 1991, equations 40 to 42), which in the plane is a quotient of complex numbers:
    with both point sets centred, scale and rotation are sum(p* q) / sum(p* p).
    """
    points = np.array([complex(point.x, point.y) for point in face.landmarks])
    target = np.array([complex(x, y) for x, y in _TEMPLATE])
    apart, target_apart = points - points.mean(), target - target.mean()
    spread = np.vdot(apart, apart).real
    turn = complex(np.vdot(apart, target_apart) / spread) if spread > _SMALLEST_SPREAD else 0j
    if not _SCALE_BOUNDS[0] <= abs(turn) <= _SCALE_BOUNDS[1]:
        return _box_into_square(face.box)
    return _matrix(turn, complex(target.mean() - turn * points.mean()))


def _box_into_square(box: Box) -> NDArray[np.float64]:
    """Return the transform that makes the box fill the square; its edges are pixel edges."""
    scale = ALIGNED_SIDE / max(box.width, box.height, 1)
    centre = complex(box.x_min + box.x_max - 1, box.y_min + box.y_max - 1) / 2
    middle = complex(ALIGNED_SIDE - 1, ALIGNED_SIDE - 1) / 2
    return _matrix(complex(scale), middle - scale * centre)


def _matrix(turn: complex, shift: complex) -> NDArray[np.float64]:
    """Return the matrix of z -> turn z + shift."""
    return np.array(
        [[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag], [0, 0, 1]]
    )


def _part_for(image: BGRImage, moved: NDArray[np.float64]) -> tuple[BGRImage, NDArray[np.float64]]:
    """Return the part of the image that the square shows, and the transform to its pixels.

    The part is downscaled by averaging where sampling would skip pixels.
    """
    end = ALIGNED_SIDE - 1
    xs, ys, _ = np.linalg.inv(moved) @ [[0, end, 0, end], [0, 0, end, end], [1, 1, 1, 1]]
    scale = math.hypot(moved[0, 0], moved[1, 0])
    around = _SAMPLED_AROUND / min(scale, 1)
    columns = _span(xs.min() - around, xs.max() + around, image.shape[1])
    rows = _span(ys.min() - around, ys.max() + around, image.shape[0])
    part = image[rows, columns]
    height, width = part.shape[:2]
    shrink = min(1.0, scale / _SMALLEST_SAMPLED_SCALE)
    size_wh = max(1, round(width * shrink)), max(1, round(height * shrink))
    if shrink < 1:
        part = np.asarray(cv2.resize(part, size_wh, interpolation=cv2.INTER_AREA), np.uint8)
    across, down = width / part.shape[1], height / part.shape[0]
    left, top = columns.start + (across - 1) / 2, rows.start + (down - 1) / 2
    return part, np.array([[across, 0, left], [0, down, top], [0, 0, 1]])
