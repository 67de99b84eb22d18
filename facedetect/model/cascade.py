"""The cascade: pyramid, P-Net, R-Net, O-Net, with suppression in between, in one graph."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from facedetect.model.boxes import place_landmarks, regress, square, suppress
from facedetect.model.geometry import Geometry
from facedetect.model.loops import concat_rows
from facedetect.model.nets import ONet, PNet, RNet
from facedetect.model.weights import Weights

# Work is cut so that what one piece touches stays in a core's cache.
_CELLS_PER_STRIP = 20_000
_RNET_CHUNK = 24
_ONET_CHUNK = 4

# How many pieces may be under way at a time; more than there are cores does no harm.
_PARALLEL_LEVELS = 4
_PARALLEL_STRIPS = 8
_PARALLEL_CHUNKS = 8

# Filler outside the image: what the nets' normalisation, (x - 127.5) / 128, turns into 0.
_OUTSIDE = 127.5


@dataclass(frozen=True)
class Inputs:
    """What the cascade needs: `input`, an image [H, W, 3] BGR 0..255, and one call's parameters."""

    input: tf.Tensor
    min_size: tf.Tensor
    thresholds: tf.Tensor
    factor: tf.Tensor


@dataclass(frozen=True)
class Outputs:
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
        self._geometry = geometry

    def detect(self, inputs: Inputs) -> Outputs:
        """Build the ops that find the faces in one image."""
        with tf.name_scope("pnet"):
            candidates = tf.identity(self._propose(inputs), "candidates")
        with tf.name_scope("rnet"):
            refined = tf.identity(self._refine(inputs, candidates), "candidates")
        with tf.name_scope("onet"):
            return self._conclude(inputs, refined)

    def _propose(self, inputs: Inputs) -> tf.Tensor:
        """Square candidate boxes [n, 4] from every level of the pyramid."""
        batched = inputs.input[tf.newaxis]
        scales = pyramid_scales(inputs)
        rows = concat_rows(
            tf.size(scales),
            lambda level: self._scan_level(batched, scales[level], inputs.thresholds[0]),
            columns=9,
            parallel=_PARALLEL_LEVELS,
        )
        boxes, scores, offsets = tf.split(rows, [4, 1, 4], axis=1)
        kept = self._best_of_all_levels(boxes, scores[:, 0], inputs.factor)
        return square(regress(tf.gather(boxes, kept), tf.gather(offsets, kept)))

    def _best_of_all_levels(
        self, boxes: tf.Tensor, scores: tf.Tensor, factor: tf.Tensor
    ) -> tf.Tensor:
        """Indices of the candidates that survive suppression over all levels, best first.

        Boxes of two levels overlap by factor^2 at most, those of one level by `scale_overlap`
        already: below `pnet_overlap` suppression can only sort and cut, which is much cheaper.
        """
        geometry = self._geometry
        limit = tf.minimum(tf.size(scores), geometry.max_candidates)
        # 2 % below the square root, for boxes whose corners were rounded.
        disjoint = factor < 0.98 * geometry.pnet_overlap**0.5
        return tf.compat.v1.cond(
            disjoint,
            lambda: tf.math.top_k(scores, limit).indices,
            lambda: suppress(boxes, scores, geometry.pnet_overlap, geometry.max_candidates),
        )

    def _scan_level(self, image: tf.Tensor, scale: tf.Tensor, threshold: tf.Tensor) -> tf.Tensor:
        """Run P-Net over one level: rows [n, 9] of box, score and box offsets, suppressed."""
        cells = self._scan_strips(_resize(image, scale), _logit(threshold))
        places, logits, offsets = tf.split(cells, [2, 1, 4], axis=1)
        boxes = tf.concat([(2 * places + 1) / scale, (2 * places + PNet.side) / scale], axis=1)
        # Not the logits themselves: equal float32 probabilities must tie as they do elsewhere.
        scores = tf.sigmoid(logits)
        kept = suppress(
            boxes, scores[:, 0], self._geometry.scale_overlap, self._geometry.max_candidates
        )
        return tf.gather(tf.concat([boxes, scores, offsets], axis=1), kept)

    def _scan_strips(self, level: tf.Tensor, threshold_logit: tf.Tensor) -> tf.Tensor:
        """The cells of a resized image above the threshold: rows [n, 7] of y, x, logit, offsets.

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

    def _refine(self, inputs: Inputs, boxes: tf.Tensor) -> tf.Tensor:
        """Boxes [n, 4] that R-Net takes for faces, suppressed, regressed and square."""
        found = _run_on_crops(self._rnet, inputs.input, boxes, _RNET_CHUNK)
        boxes, scores, found = _above(inputs.thresholds[1], boxes, found)
        geometry = self._geometry
        kept = suppress(boxes, scores, geometry.rnet_overlap, geometry.max_candidates)
        return square(regress(tf.gather(boxes, kept), tf.gather(found[:, 1:5], kept)))

    def _conclude(self, inputs: Inputs, boxes: tf.Tensor) -> Outputs:
        found = _run_on_crops(self._onet, inputs.input, boxes, _ONET_CHUNK)
        boxes, scores, found = _above(inputs.thresholds[2], boxes, found)
        landmarks = place_landmarks(boxes, found[:, 5:15])
        boxes = regress(boxes, found[:, 1:5])
        geometry = self._geometry
        kept = suppress(boxes, scores, geometry.onet_overlap, geometry.max_candidates)
        return Outputs(tf.gather(scores, kept), tf.gather(landmarks, kept), tf.gather(boxes, kept))


def pyramid_scales(inputs: Inputs) -> tf.Tensor:
    """The pyramid's scales [levels], largest first: 12 / min_size, then times factor.

    The last level is the last whose shorter side is over 12 px. The products are formed one after
    the other in float32: a scale off by one bit can make a level one pixel larger.
    """
    shape = tf.cast(tf.shape(inputs.input), tf.float32)
    shorter = tf.minimum(shape[0], shape[1])
    first = PNet.side / inputs.min_size
    # By logarithms, with two levels to spare for their rounding.
    levels = tf.math.log(PNet.side / (shorter * first)) / tf.math.log(inputs.factor) + 2
    steps = tf.fill([tf.cast(tf.maximum(levels, 0), tf.int32)], inputs.factor)
    scales = tf.math.cumprod(tf.concat([first[tf.newaxis], steps], axis=0))
    return tf.boolean_mask(scales, shorter * scales > PNet.side)


def _resize(image: tf.Tensor, scale: tf.Tensor) -> tf.Tensor:
    """Resize [1, H, W, 3] bilinearly, sides truncated to whole pixels."""
    size_hw = tf.cast(tf.cast(tf.shape(image)[1:3], tf.float32) * scale, tf.int32)
    return tf.raw_ops.ResizeBilinear(images=image, size=size_hw)


def _logit(probability: tf.Tensor) -> tf.Tensor:
    probability = tf.clip_by_value(probability, 0.0, 1.0)
    return tf.math.log(probability) - tf.math.log(1.0 - probability)


def _run_on_crops(net: RNet | ONet, image: tf.Tensor, boxes: tf.Tensor, chunk: int) -> tf.Tensor:
    """Cut the boxes out of the image, resized to the net's side, and run it: [n, columns]."""
    batched = image[tf.newaxis]
    size_hw = tf.cast(tf.shape(image)[:2], tf.float32)
    normalized = boxes / tf.tile(size_hw, [2])
    count = tf.shape(boxes)[0]
    chunks = -(-count // chunk)
    size = -(-count // tf.maximum(chunks, 1))

    def run(index: tf.Tensor) -> tf.Tensor:
        part = normalized[index * size : (index + 1) * size]
        crops = tf.image.crop_and_resize(
            batched,
            part,
            tf.zeros(tf.shape(part)[:1], tf.int32),
            [net.side, net.side],
            extrapolation_value=_OUTSIDE,
        )
        return net(crops)

    return concat_rows(chunks, run, net.columns, parallel=_PARALLEL_CHUNKS)


def _above(
    threshold: tf.Tensor, boxes: tf.Tensor, found: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The boxes, probabilities and net outputs of those over the threshold."""
    scores = tf.sigmoid(found[:, 0])
    kept = tf.where(scores > threshold)[:, 0]
    return tf.gather(boxes, kept), tf.gather(scores, kept), tf.gather(found, kept)
