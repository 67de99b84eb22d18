"""The cascade of every geometry, plain and slow, to compare `cascade` with.

One level, one box and one suppressed candidate after the other, in NumPy. Numbers are float32
where their rounding decides over a whole pixel: in the pyramid's sizes, where squares are cut
down to whole pixels, and where a crop reaches to the image's very edge.

Images are BGR 0..255, boxes y1, x1, y2, x2, landmarks y1..y5, x1..x5.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from facedetect import DetectionParams
from facedetect.arrays import Float32Array
from facedetect.images import BGRImage
from facedetect.mtcnn.geometry import Geometry
from tests.model import plain_nets
from tests.model.graphs import Found
from tests.model.plain_nets import Arrays

_LANDMARKS = slice(5, 15)
_MIRRORED_POINTS = [1, 0, 2, 4, 3]
_GREY = 127.5
_NOTHING = np.zeros((0, 9), np.float32)


@dataclass(frozen=True)
class PlainCascade:
    """MTCNN with the author's arrays, as .safetensors files have them."""

    arrays: Arrays
    geometry: Geometry

    def detect(self, image: BGRImage, params: DetectionParams) -> Found:
        pixels = image.astype(np.float32)
        squares = self.refine(pixels, self.propose(pixels, params), params)
        found = self._run_onet(self._crops(pixels, squares, 48))
        squares, scores, found = _above(params.thresholds[2], squares, found)
        boxes = self._regress(squares, found[:, 1:5])
        landmarks = _place(squares, found[:, _LANDMARKS])
        kept = self._suppress(boxes, scores, self.geometry.onet_overlap)
        boxes, landmarks = boxes[kept], landmarks[kept]
        if self.geometry.averages_landmarks:
            straight, mirrored = self._average_landmarks(pixels, boxes)
            landmarks = (landmarks + straight + mirrored) / np.float32(3)
        landmarks += np.float32(self.geometry.landmark_shift)
        return {"box": boxes, "prob": scores[kept], "landmarks": landmarks}

    def propose(self, pixels: Float32Array, params: DetectionParams) -> Float32Array:
        """What P-Net finds on all levels, as squares [n, 4] for R-Net."""
        geometry = self.geometry
        rows = [_NOTHING]
        for scale in _scales(pixels.shape, params):
            level = self._scan(_level(pixels, scale, geometry), scale, params.thresholds[0])
            rows.append(level[self._suppress(level[:, :4], level[:, 4], geometry.scale_overlap)])
        found = np.concatenate(rows)
        found = found[self._suppress(found[:, :4], found[:, 4], geometry.pnet_overlap)]
        return self._next_squares(found[:, :4], found[:, 5:])

    def refine(
        self, pixels: Float32Array, squares: Float32Array, params: DetectionParams
    ) -> Float32Array:
        """What R-Net classifies as faces, as squares [n, 4] for O-Net."""
        crops = self._crops(pixels, squares, 24)
        found = plain_nets.rnet(self.arrays, crops) if len(crops) else _NOTHING
        squares, scores, found = _above(params.thresholds[1], squares, found)
        kept = self._suppress(squares, scores, self.geometry.rnet_overlap)
        return self._next_squares(squares[kept], found[kept, 1:5])

    def _scan(self, level: Float32Array, scale: np.float32, threshold: float) -> Float32Array:
        """P-Net's windows over the threshold: rows [n, 9] of box, score and box offsets."""
        logits, offsets = plain_nets.pnet(self.arrays, level)
        scores = _sigmoid(logits)
        rows = []
        for y, x in np.argwhere(scores > threshold):
            window = np.array([2 * y + 1, 2 * x + 1, 2 * y + 12, 2 * x + 12], np.float32) / scale
            rows.append([*window, scores[y, x], *offsets[y, x]])
        return np.array(rows, np.float32).reshape(-1, 9)

    def _run_onet(self, crops: Float32Array) -> Float32Array:
        return plain_nets.onet(self.arrays, crops) if len(crops) else np.zeros((0, 15), np.float32)

    def _average_landmarks(
        self, pixels: Float32Array, boxes: Float32Array
    ) -> tuple[Float32Array, Float32Array]:
        """Landmarks of final boxes: as they lie, and as they lie in the mirrored crop."""
        squares = _square(boxes)
        crops = self._crops(pixels, squares, 48)
        straight = self._run_onet(crops)[:, _LANDMARKS]
        mirrored = self._run_onet(crops[:, :, ::-1])[:, _LANDMARKS]
        ys, xs = mirrored[:, :5], 1 - mirrored[:, 5:]
        upright = np.concatenate([ys[:, _MIRRORED_POINTS], xs[:, _MIRRORED_POINTS]], axis=1)
        return _place(squares, straight), _place(squares, upright)

    def _regress(self, boxes: Float32Array, offsets: Float32Array) -> Float32Array:
        sides = boxes[:, 2:] - boxes[:, :2] + np.float32(self.geometry.box_extent)
        moves: Float32Array = np.tile(sides, 2) * offsets
        return boxes + moves

    def _next_squares(self, boxes: Float32Array, offsets: Float32Array) -> Float32Array:
        squares = _square(self._regress(boxes, offsets))
        return np.trunc(squares) if self.geometry.truncates_squares else squares

    def _suppress(self, boxes: Float32Array, scores: Float32Array, overlap: float) -> list[int]:
        """Indices of the best boxes, none of which overlaps a better one by more than `overlap`."""
        left = np.argsort(-scores, kind="stable")
        kept: list[int] = []
        while len(left) and len(kept) < self.geometry.max_candidates:
            best, left = int(left[0]), left[1:]
            kept.append(best)
            left = left[_overlaps(boxes[best], boxes[left]) <= overlap]
        return kept

    def _crops(self, pixels: Float32Array, boxes: Float32Array, side: int) -> Float32Array:
        crops = [_crop(pixels, box, side, self.geometry.crop_origin) for box in boxes]
        return np.array(crops, np.float32).reshape(-1, side, side, 3)


def _scales(shape: tuple[int, ...], params: DetectionParams) -> Iterator[np.float32]:
    scale = np.float32(12) / np.float32(params.min_size)
    while np.float32(min(shape[:2])) * scale > 12:
        yield scale
        scale *= np.float32(params.factor)


def _level(pixels: Float32Array, scale: np.float32, geometry: Geometry) -> Float32Array:
    exact = [np.float32(side) * scale for side in pixels.shape[:2]]
    is_up = geometry.level_rounding == "up"
    height, width = (ceil(side) if is_up else int(side) for side in exact)
    if geometry.level_resampling == "bilinear":
        y_step, x_step = pixels.shape[0] / height, pixels.shape[1] / width
        return _sample(pixels, y_step * np.arange(height), x_step * np.arange(width))
    for halvings in range(1, 4):
        if scale <= 0.5**halvings:
            pixels = _halve(pixels)
    by_row = np.tensordot(_area_shares(pixels.shape[0], height), pixels, 1)
    level = np.tensordot(_area_shares(pixels.shape[1], width), by_row, (1, 1)).swapaxes(0, 1)
    return np.asarray(level, np.float32)


def _halve(pixels: Float32Array) -> Float32Array:
    """Of sides that are odd a half, rounded up: seen from the middles of the larger pixels."""
    steps = [side / ((side + 1) // 2) for side in pixels.shape[:2]]
    ys, xs = (
        (np.arange((side + 1) // 2) + 0.5) * step - 0.5
        for side, step in zip(pixels.shape[:2], steps, strict=True)
    )
    return _sample(pixels, ys, xs)


def _area_shares(side: int, target: int) -> NDArray[np.float64]:
    """How much of each of `target` pixels is made of each of `side` pixels: [target, side]."""
    shares = np.zeros((target, side))
    step = side / target
    for index in range(target):
        start, end = index * step, (index + 1) * step
        for pixel in range(int(start), min(ceil(end), side)):
            shares[index, pixel] = (min(end, pixel + 1) - max(start, pixel)) / step
    return shares


def _sample(
    pixels: Float32Array, ys: NDArray[np.floating], xs: NDArray[np.floating]
) -> Float32Array:
    """Bilinear interpolation at every y and x, at the image's edge if they lie outside."""
    ys, xs = (
        np.clip(places, 0, side - 1)
        for places, side in zip((ys, xs), pixels.shape[:2], strict=True)
    )
    tops, lefts = np.floor(ys).astype(int), np.floor(xs).astype(int)
    bottoms, rights = np.ceil(ys).astype(int), np.ceil(xs).astype(int)
    down, across = (ys - tops)[:, np.newaxis, np.newaxis], (xs - lefts)[:, np.newaxis]
    rows = pixels[tops] * (1 - down) + pixels[bottoms] * down
    result: Float32Array = (rows[:, lefts] * (1 - across) + rows[:, rights] * across).astype(
        np.float32
    )
    return result


def _crop(pixels: Float32Array, box: Float32Array, side: int, origin: int) -> Float32Array:
    height, width = pixels.shape[:2]
    ys = _crop_places(box[0], box[2], height, side, origin)
    xs = _crop_places(box[1], box[3], width, side, origin)
    crop = _sample(pixels, ys, xs)
    crop[(ys < 0) | (ys > height - 1)] = _GREY
    crop[:, (xs < 0) | (xs > width - 1)] = _GREY
    return crop


def _crop_places(
    start: np.float32, end: np.float32, length: int, side: int, origin: int
) -> Float32Array:
    """Where the pixels of a crop lie in the image, from its first to its last; float32."""
    first, last = ((edge - origin) / np.float32(length - origin) for edge in (start, end))
    step = (last - first) * np.float32(length - 1) / np.float32(side - 1)
    return first * np.float32(length - 1) + np.arange(side, dtype=np.float32) * step


def _square(boxes: Float32Array) -> Float32Array:
    heights, widths = boxes[:, 2] - boxes[:, 0] + 1, boxes[:, 3] - boxes[:, 1] + 1
    taller, wider = np.maximum(widths - heights, 0) / 2, np.maximum(heights - widths, 0) / 2
    return boxes + np.stack([-taller, -wider, taller, wider], axis=1)


def _place(boxes: Float32Array, positions: Float32Array) -> Float32Array:
    """Landmarks [n, 10] in units of their boxes [n, 4] -> px."""
    y1, x1, y2, x2 = np.split(boxes, 4, axis=1)
    ys = y1 + (y2 - y1) * positions[:, :5]
    return np.concatenate([ys, x1 + (x2 - x1) * positions[:, 5:]], axis=1)


def _overlaps(box: Float32Array, others: Float32Array) -> Float32Array:
    """Intersection over union of a box with each of others [n, 4]."""
    ends, starts = np.minimum(box[2:], others[:, 2:]), np.maximum(box[:2], others[:, :2])
    both = np.maximum(ends - starts, 0).prod(axis=1)
    areas = (others[:, 2:] - others[:, :2]).prod(axis=1)
    result: Float32Array = both / (areas + (box[2:] - box[:2]).prod() - both)
    return result


def _above(
    threshold: float, squares: Float32Array, found: Float32Array
) -> tuple[Float32Array, Float32Array, Float32Array]:
    """The squares, scores and net outputs of those over the threshold."""
    scores = _sigmoid(found[:, 0])
    kept = scores > threshold
    return squares[kept], scores[kept], found[kept]


def _sigmoid(logits: Float32Array) -> Float32Array:
    return np.float32(1) / (np.float32(1) + np.exp(-logits))
