"""The cascade in one graph: pyramid, P-Net, R-Net, O-Net, each with suppression."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from facedetect.model.box_ops import (
    cut_crops,
    in_image_units,
    mirror_offsets,
    place_landmarks,
    regress,
    square,
    truncate,
)
from facedetect.model.landmark_net import LandmarkNet, refine_landmarks
from facedetect.model.loops import concat_rows, map_chunks
from facedetect.model.nets import ONet, PNet, RNet
from facedetect.model.pyramid import Pyramid, pyramid_scales
from facedetect.mtcnn.geometry import Geometry
from facedetect.mtcnn.weights import Weights

# The working set of one piece fits a core's cache.
_CELLS_PER_STRIP = 20_000
_RNET_CHUNK = 24
_ONET_CHUNK = 4

# Pieces that run in parallel; more than there are cores does no harm.
_PARALLEL_LEVELS = 4
_PARALLEL_STRIPS = 8

_LANDMARKS = slice(5, 15)  # of O-Net's columns


@dataclass(frozen=True)
class CascadeInputs:
    """`input`, an image [H, W, 3] BGR 0..255, and the parameters of one call."""

    input: tf.Tensor
    min_size: tf.Tensor
    thresholds: tf.Tensor
    factor: tf.Tensor


@dataclass(frozen=True)
class CascadeOutputs:
    """`prob` [n], `landmarks` [n, 10] as y1..y5, x1..x5, `box` [n, 4] as y1, x1, y2, x2; px."""

    prob: tf.Tensor
    landmarks: tf.Tensor
    box: tf.Tensor


class Cascade:
    """MTCNN with the given weights and geometry."""

    def __init__(self, weights: Weights, geometry: Geometry) -> None:
        self._pnet = PNet(weights.pnet)
        self._rnet = RNet(weights.rnet)
        self._onet = ONet(weights.onet)
        self._lnet = None if weights.lnet is None else LandmarkNet(weights.lnet)
        self._geometry = geometry

    def detect(self, inputs: CascadeInputs) -> CascadeOutputs:
        """Build the ops that detect the faces in one image."""
        with tf.name_scope("pnet"):
            candidates = tf.identity(self._propose(inputs), "candidates")
        with tf.name_scope("rnet"):
            refined = tf.identity(self._refine(inputs, candidates), "candidates")
        with tf.name_scope("onet"):
            return self._output(inputs, refined)

    def _propose(self, inputs: CascadeInputs) -> tf.Tensor:
        """Run P-Net on all levels of the pyramid: square candidate boxes [n, 4]."""
        pyramid = Pyramid(inputs.input, self._geometry)
        scales = pyramid_scales(inputs.input, inputs.min_size, inputs.factor)
        rows = concat_rows(
            tf.size(scales),
            lambda level: self._scan_level(pyramid, scales[level], inputs.thresholds[0]),
            columns=9,
            parallel=_PARALLEL_LEVELS,
        )
        boxes, scores, offsets = tf.split(rows, [4, 1, 4], axis=1)
        kept = self._best_of_all_levels(boxes, scores[:, 0], inputs.factor)
        return self._next_squares(tf.gather(boxes, kept), tf.gather(offsets, kept))

    def _next_squares(self, boxes: tf.Tensor, offsets: tf.Tensor) -> tf.Tensor:
        """Return the next net's crops: boxes [n, 4] moved by their offsets and made square."""
        squares = square(regress(boxes, offsets, self._geometry.box_extent))
        return truncate(squares) if self._geometry.truncates_squares else squares

    def _suppress(self, boxes: tf.Tensor, scores: tf.Tensor, overlap: float) -> tf.Tensor:
        """Apply non-maximum suppression; return the indices of kept boxes, best first."""
        limit = self._geometry.max_candidates
        return tf.image.non_max_suppression(boxes, scores, limit, iou_threshold=overlap)

    def _best_of_all_levels(
        self, boxes: tf.Tensor, scores: tf.Tensor, factor: tf.Tensor
    ) -> tf.Tensor:
        """Suppress across all levels; return the indices of kept candidates, best first.

        Boxes of two levels overlap by at most factor^2, those of one level by `scale_overlap`. If
        that is below `pnet_overlap`, suppression only sorts and cuts, and top_k is much cheaper.
        """
        overlap = self._geometry.pnet_overlap
        limit = tf.minimum(tf.size(scores), self._geometry.max_candidates)
        # 2 % below the square root, because corners are rounded.
        return tf.compat.v1.cond(
            factor < 0.98 * overlap**0.5,
            lambda: tf.math.top_k(scores, limit).indices,
            lambda: self._suppress(boxes, scores, overlap),
        )

    def _scan_level(self, pyramid: Pyramid, scale: tf.Tensor, threshold: tf.Tensor) -> tf.Tensor:
        """Run P-Net over one level: rows [n, 9] of box, score and box offsets, suppressed."""
        cells = self._scan_strips(pyramid.level(scale), _logit(threshold))
        places, logits, offsets = tf.split(cells, [2, 1, 4], axis=1)
        boxes = tf.concat([(2 * places + 1) / scale, (2 * places + PNet.side) / scale], axis=1)
        # Not the logits: equal float32 probabilities must tie as in the published graph.
        scores = tf.sigmoid(logits)
        kept = self._suppress(boxes, scores[:, 0], self._geometry.scale_overlap)
        return tf.gather(tf.concat([boxes, scores, offsets], axis=1), kept)

    def _scan_strips(self, level: tf.Tensor, threshold_logit: tf.Tensor) -> tf.Tensor:
        """Run P-Net strip by strip: rows [n, 7] of y, x, logit, offsets, above the threshold.

        A strip of rows r0..r1 of the stride-2 grid reads the pixels 2 * r0 .. 2 * r1 + 10.
        """
        shape = tf.shape(level)
        rows, columns = shape[1] // 2 - 5, shape[2] // 2 - 5
        strips = -(-rows * columns // _CELLS_PER_STRIP)
        height = -(-rows // strips)

        def scan(index: tf.Tensor) -> tf.Tensor:
            first = index * height
            last = tf.minimum(first + height, rows)
            features = self._pnet.features(level[:, 2 * first : 2 * last + 10])
            logits = self._pnet.face_logits(features)
            found = tf.where(logits > threshold_logit)[:, 0]
            cell = tf.cast(found, tf.int32)
            places = tf.stack([first + cell // columns, cell % columns], axis=1)
            return tf.concat(
                [
                    tf.cast(places, tf.float32),
                    tf.gather(logits, found)[:, tf.newaxis],
                    self._pnet.box_offsets(tf.gather(features, found)),
                ],
                axis=1,
            )

        return concat_rows(-(-rows // height), scan, columns=7, parallel=_PARALLEL_STRIPS)

    def _refine(self, inputs: CascadeInputs, boxes: tf.Tensor) -> tf.Tensor:
        """Run R-Net: the squares [n, 4] that it classifies as faces."""
        found = self._run(self._rnet, inputs.input, boxes, _RNET_CHUNK)
        boxes, scores, found = _above(inputs.thresholds[1], boxes, found)
        kept = self._suppress(boxes, scores, self._geometry.rnet_overlap)
        return self._next_squares(tf.gather(boxes, kept), tf.gather(found[:, 1:5], kept))

    def _output(self, inputs: CascadeInputs, boxes: tf.Tensor) -> CascadeOutputs:
        """Run O-Net: final boxes, scores and landmarks."""
        found = self._run(self._onet, inputs.input, boxes, _ONET_CHUNK)
        boxes, scores, found = _above(inputs.thresholds[2], boxes, found)
        landmarks = place_landmarks(boxes, found[:, _LANDMARKS])
        boxes = regress(boxes, found[:, 1:5], self._geometry.box_extent)
        kept = self._suppress(boxes, scores, self._geometry.onet_overlap)
        boxes, landmarks = tf.gather(boxes, kept), tf.gather(landmarks, kept)
        landmarks = self._finish_landmarks(inputs.input, boxes, landmarks)
        return CascadeOutputs(tf.gather(scores, kept), landmarks, boxes)

    def _finish_landmarks(
        self, image: tf.Tensor, boxes: tf.Tensor, landmarks: tf.Tensor
    ) -> tf.Tensor:
        """Refine O-Net's landmarks [n, 10] of the final boxes into the final landmarks."""
        averages = self._geometry.averages_landmarks
        if averages:
            landmarks = (landmarks + 2 * self._average_landmarks(image, boxes)) / 3
        landmarks += self._geometry.landmark_shift
        if self._lnet is None:
            return landmarks
        with tf.name_scope("lnet"):
            return refine_landmarks(self._lnet, image, boxes, landmarks, averages=averages)

    def _average_landmarks(self, image: tf.Tensor, boxes: tf.Tensor) -> tf.Tensor:
        """Run O-Net on crops of the final boxes and their mirror images: mean landmarks [n, 10].

        Faces are better centred in these crops, and mirroring cancels one-sided errors.
        """
        batched = image[tf.newaxis]
        squares = square(boxes)

        def run_both(part: tf.Tensor) -> tf.Tensor:
            crops = cut_crops(batched, part, self._onet.side)
            mirrored = self._onet(tf.reverse(crops, [2]))[:, _LANDMARKS] - 0.5
            return (self._onet(crops)[:, _LANDMARKS] + mirror_offsets(mirrored) + 0.5) / 2

        units = in_image_units(image, squares, self._geometry.crop_origin)
        return place_landmarks(squares, map_chunks(run_both, units, _ONET_CHUNK, columns=10))

    def _run(self, net: RNet | ONet, image: tf.Tensor, boxes: tf.Tensor, chunk: int) -> tf.Tensor:
        """Run a net on crops of the boxes, resized to its side: [n, columns]."""
        batched = image[tf.newaxis]
        units = in_image_units(image, boxes, self._geometry.crop_origin)
        return map_chunks(
            lambda part: net(cut_crops(batched, part, net.side)), units, chunk, net.columns
        )


def _logit(probability: tf.Tensor) -> tf.Tensor:
    probability = tf.clip_by_value(probability, 0.0, 1.0)
    return tf.math.log(probability) - tf.math.log(1.0 - probability)


def _above(
    threshold: tf.Tensor, boxes: tf.Tensor, found: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Select the boxes, probabilities and net outputs above the threshold."""
    scores = tf.sigmoid(found[:, 0])
    kept = tf.where(scores > threshold)[:, 0]
    return tf.gather(boxes, kept), tf.gather(scores, kept), tf.gather(found, kept)
