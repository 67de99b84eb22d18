"""Assertions in the graph, so that no call can make a served model hang or exhaust memory.

Rules and wording are those of `DetectionParams` and `ImageLimits`, which direct callers of
TensorFlow Serving bypass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import tensorflow as tf

from facedetect.detection_params import (
    DEFAULT_MAX_PYRAMID_PIXELS,
    FACTOR_BOUNDS,
    FACTOR_RULE,
    IMAGE_RULE,
    MIN_SIZE_BOUND,
    MIN_SIZE_RULE,
    PNET_SIDE,
    THRESHOLD_RULE,
    WORK_RULE,
)
from facedetect.images import DEFAULT_MAX_IMAGE_PIXELS
from facedetect.model.signatures import BATCH

_PNG_START = b"\x89PNG\r\n\x1a\n"
_PNG_SIZE_OFFSET = 16
_JPEG_START = b"\xff\xd8"


@dataclass(frozen=True)
class WorkLimits:
    """Upper limits of a served model: pixels of a pyramid and of an encoded image, batch size."""

    max_pyramid_pixels: float = DEFAULT_MAX_PYRAMID_PIXELS
    max_image_pixels: int = DEFAULT_MAX_IMAGE_PIXELS
    max_batch_size: int = 64


def check_call(
    image: tf.Tensor, parameters: Sequence[tf.Tensor], limits: WorkLimits
) -> list[tf.Operation]:
    """Assert that a call's image, min_size, thresholds and factor have valid shapes and values.

    Ops that would fail on a wrong shape wait for the assertion on that shape.
    """
    min_size, thresholds, factor = parameters
    ranks = [
        _check_rank(image, 3, "the image must be [height, width, 3]; its shape is"),
        _check_rank(min_size, 0, "min_size must be one number; its shape is"),
        _check_rank(thresholds, 1, "thresholds must be 3 numbers; their shape is"),
        _check_rank(factor, 0, "factor must be one number; its shape is"),
    ]
    with tf.control_dependencies(ranks):
        sizes = _check_sizes(image, thresholds)
    values = _check_values(min_size, thresholds, factor)
    with tf.control_dependencies([*sizes, *values]):
        height, width, _ = tf.unstack(tf.cast(tf.shape(image), tf.float32), num=3)
        # The formula of `DetectionParams.pyramid_pixels`.
        pyramid = height * width * (PNET_SIDE / min_size) ** 2 / (1 - factor**2)
        rule = WORK_RULE.format(limit=limits.max_pyramid_pixels)
        is_within = pyramid <= limits.max_pyramid_pixels
        work = _assert(is_within, f"{rule} (use a larger min_size); it has", pyramid)
    return [*ranks, *sizes, *values, work]


def _check_sizes(image: tf.Tensor, thresholds: tf.Tensor) -> list[tf.Operation]:
    height, width, channels = tf.unstack(tf.shape(image), num=3)
    is_image = tf.reduce_all([tf.equal(channels, 3), height > 0, width > 0])
    are_three = tf.equal(tf.size(thresholds), 3)
    return [
        _assert(is_image, f"{IMAGE_RULE}; its shape is", tf.shape(image)),
        _assert(are_three, "thresholds must be 3 numbers; their shape is", tf.shape(thresholds)),
    ]


def _check_values(
    min_size: tf.Tensor, thresholds: tf.Tensor, factor: tf.Tensor
) -> list[tf.Operation]:
    """Assert valid values; NaN fails, too, since every comparison with it is false."""
    low, high = FACTOR_BOUNDS
    is_size = (min_size >= MIN_SIZE_BOUND) & (min_size < float("inf"))
    are_scores = (thresholds > 0) & (thresholds < 1)
    return [
        _assert(is_size, f"{MIN_SIZE_RULE}; it is", min_size),
        _assert((factor >= low) & (factor <= high), f"{FACTOR_RULE}; it is", factor),
        _assert(are_scores, f"{THRESHOLD_RULE}; they are", thresholds),
    ]


def check_encoded(image_bytes: tf.Tensor, limits: WorkLimits) -> tf.Operation:
    """Assert that an encoded image is a JPEG or PNG whose header is within the pixel limit."""
    scalar = _check_rank(image_bytes, 0, "image_bytes must be one string; its shape is")
    with tf.control_dependencies([scalar]):
        image_bytes = tf.identity(image_bytes)
    is_png = _starts_with(image_bytes, _PNG_START)
    is_jpeg = _starts_with(image_bytes, _JPEG_START)
    known = _assert(
        is_png | is_jpeg,
        "image_bytes must be a JPEG or PNG; it starts with",
        tf.strings.substr(image_bytes, 0, 4),
    )
    with tf.control_dependencies([known]):
        pixels = tf.compat.v1.cond(
            is_png, lambda: _png_pixels(image_bytes), lambda: _jpeg_pixels(image_bytes)
        )
    return _assert(
        (pixels > 0) & (pixels <= limits.max_image_pixels),
        f"the image must have at most {limits.max_image_pixels} pixels; it has",
        pixels,
    )


def check_batch(inputs: Mapping[str, tf.Tensor], limits: WorkLimits) -> list[tf.Operation]:
    """Assert that all inputs of a batch have valid ranks and the same number of rows."""
    ranks = []
    for name, tensor in inputs.items():
        rank = BATCH.inputs[name].shape.rank
        ranks.append(_check_rank(tensor, rank, f"{name} must have rank {rank}; its shape is"))
    with tf.control_dependencies(ranks):
        sizes = [tf.shape(tensor)[0] for tensor in inputs.values()]
    message = f"every input must have as many rows, {limits.max_batch_size} at most; they have"
    is_even = [tf.equal(size, sizes[0]) for size in sizes]
    within = tf.reduce_all([*is_even, sizes[0] <= limits.max_batch_size])
    return [*ranks, _assert(within, message, tf.stack(sizes))]


def _starts_with(image_bytes: tf.Tensor, start: bytes) -> tf.Tensor:
    return tf.equal(tf.strings.substr(image_bytes, 0, len(start)), start)


def _png_pixels(image_bytes: tf.Tensor) -> tf.Tensor:
    header = tf.strings.substr(image_bytes, _PNG_SIZE_OFFSET, 8)
    width, height = tf.unstack(tf.io.decode_raw(header, tf.int32, little_endian=False), num=2)
    return tf.cast(width, tf.float32) * tf.cast(height, tf.float32)


def _jpeg_pixels(image_bytes: tf.Tensor) -> tf.Tensor:
    height, width, _ = tf.unstack(tf.image.extract_jpeg_shape(image_bytes), num=3)
    return tf.cast(width, tf.float32) * tf.cast(height, tf.float32)


def _check_rank(tensor: tf.Tensor, rank: int, message: str) -> tf.Operation:
    """Check at run time: TensorFlow Serving does not check inputs against static shapes."""
    has_rank = tf.equal(tf.raw_ops.Rank(input=tensor), rank)
    return _assert(has_rank, message, tf.shape(tensor))


def _assert(condition: tf.Tensor, message: str, value: tf.Tensor) -> tf.Operation:
    is_true = tf.reduce_all(condition)
    return tf.raw_ops.Assert(condition=is_true, data=[tf.constant(message), value], summarize=4)
