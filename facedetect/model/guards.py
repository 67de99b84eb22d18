"""Assertions inside the graph: no caller makes a served model hang or run out of memory.

They say what `DetectionParams` and `ImageLimits` say, in the same words, for callers that have
neither.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import tensorflow as tf

from facedetect.faces import (
    DEFAULT_MAX_PYRAMID_PIXELS,
    FACTOR_BOUNDS,
    FACTOR_RULE,
    MIN_SIZE_BOUND,
    MIN_SIZE_RULE,
    PNET_SIDE,
    THRESHOLD_RULE,
    WORK_RULE,
)
from facedetect.images import DEFAULT_MAX_IMAGE_PIXELS

_CHANNELS = 3
_THREE_THRESHOLDS = "thresholds must be 3 numbers"
_BATCH_RANKS = (1, 1, 2, 1)  # image_bytes, min_size, thresholds, factor
_PNG_START = b"\x89PNG\r\n\x1a\n"
_PNG_SIZE_AT = 16
_JPEG_START = b"\xff\xd8"


@dataclass(frozen=True)
class WorkLimits:
    """What a served model takes: pixels of an image's pyramid and file, images of a batch."""

    max_pyramid_pixels: float = DEFAULT_MAX_PYRAMID_PIXELS
    max_image_pixels: int = DEFAULT_MAX_IMAGE_PIXELS
    max_batch_size: int = 64


def check_call(
    image: tf.Tensor, parameters: Sequence[tf.Tensor], limits: WorkLimits
) -> list[tf.Operation]:
    """Assertions on one call: its image's shape, its parameters, the work it asks for.

    `parameters` are min_size, thresholds and factor. What would fail by itself on a wrong shape
    waits for the assertion on that shape.
    """
    ranks = _check_ranks(image, *parameters)
    with tf.control_dependencies(ranks):
        sizes = _check_sizes(image, parameters[1])
    values = _check_values(*parameters)
    with tf.control_dependencies([*sizes, *values]):
        work = _check_work(image, parameters[0], parameters[2], limits)
    return [*ranks, *sizes, *values, work]


def _check_ranks(
    image: tf.Tensor, min_size: tf.Tensor, thresholds: tf.Tensor, factor: tf.Tensor
) -> list[tf.Operation]:
    return [
        _check(_has_rank(image, 3), "the image must be [height, width, 3]; its shape is", image),
        _check(_has_rank(min_size, 0), "min_size must be one number; its shape is", min_size),
        _check(_has_rank(thresholds, 1), f"{_THREE_THRESHOLDS}; their shape is", thresholds),
        _check(_has_rank(factor, 0), "factor must be one number; its shape is", factor),
    ]


def _check_sizes(image: tf.Tensor, thresholds: tf.Tensor) -> list[tf.Operation]:
    height, width, channels = tf.unstack(tf.shape(image), num=3)
    is_image = tf.reduce_all([tf.equal(channels, _CHANNELS), height > 0, width > 0])
    words = "the image must be [height, width, 3] and not empty; its shape is"
    are_three = tf.equal(tf.size(thresholds), 3)
    return [
        _check(is_image, words, image),
        _check(are_three, f"{_THREE_THRESHOLDS}; their shape is", thresholds),
    ]


def _check_values(
    min_size: tf.Tensor, thresholds: tf.Tensor, factor: tf.Tensor
) -> list[tf.Operation]:
    """Every comparison with NaN is false, so these hold for finite numbers only."""
    low, high = FACTOR_BOUNDS
    is_size = (min_size >= MIN_SIZE_BOUND) & (min_size < float("inf"))
    are_scores = (thresholds > 0) & (thresholds < 1)
    return [
        _assert(is_size, f"{MIN_SIZE_RULE}; it is", min_size),
        _assert((factor >= low) & (factor <= high), f"{FACTOR_RULE}; it is", factor),
        _assert(are_scores, f"{THRESHOLD_RULE}; they are", thresholds),
    ]


def _check_work(
    image: tf.Tensor, min_size: tf.Tensor, factor: tf.Tensor, limits: WorkLimits
) -> tf.Operation:
    """The sum that `DetectionParams.pyramid_pixels` forms."""
    height, width, _ = tf.unstack(tf.cast(tf.shape(image), tf.float32), num=3)
    pyramid = height * width * (PNET_SIDE / min_size) ** 2 / (1 - factor**2)
    rule = WORK_RULE.format(limit=limits.max_pyramid_pixels)
    is_within = pyramid <= limits.max_pyramid_pixels
    return _assert(is_within, f"{rule} (use a larger min_size); it has", pyramid)


def check_encoded(image_bytes: tf.Tensor, limits: WorkLimits) -> tf.Operation:
    """Assert that an encoded image is a JPEG or PNG whose header claims no more than the limit."""
    scalar = _check(
        _has_rank(image_bytes, 0), "image_bytes must be one string; its shape is", image_bytes
    )
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
    """Assert that every input of a batched call has its rank and as many rows as the others."""
    ranks = [
        _check(_has_rank(tensor, rank), f"{name} must have rank {rank}; its shape is", tensor)
        for (name, tensor), rank in zip(inputs.items(), _BATCH_RANKS, strict=True)
    ]
    with tf.control_dependencies(ranks):
        sizes = [tf.shape(tensor)[0] for tensor in inputs.values()]
    message = f"every input must have as many rows, {limits.max_batch_size} at most; they have"
    is_even = [tf.equal(size, sizes[0]) for size in sizes]
    within = tf.reduce_all([*is_even, sizes[0] <= limits.max_batch_size])
    return [*ranks, _assert(within, message, tf.stack(sizes))]


def _starts_with(image_bytes: tf.Tensor, start: bytes) -> tf.Tensor:
    return tf.equal(tf.strings.substr(image_bytes, 0, len(start)), start)


def _png_pixels(image_bytes: tf.Tensor) -> tf.Tensor:
    header = tf.strings.substr(image_bytes, _PNG_SIZE_AT, 8)
    width, height = tf.unstack(tf.io.decode_raw(header, tf.int32, little_endian=False), num=2)
    return tf.cast(width, tf.float32) * tf.cast(height, tf.float32)


def _jpeg_pixels(image_bytes: tf.Tensor) -> tf.Tensor:
    height, width, _ = tf.unstack(tf.image.extract_jpeg_shape(image_bytes), num=3)
    return tf.cast(width, tf.float32) * tf.cast(height, tf.float32)


def _has_rank(tensor: tf.Tensor, rank: int) -> tf.Tensor:
    """Looked at when the graph runs: a server does not hold what it is fed against shapes."""
    return tf.equal(tf.raw_ops.Rank(input=tensor), rank)


def _check(condition: tf.Tensor, message: str, tensor: tf.Tensor) -> tf.Operation:
    return _assert(condition, message, tf.shape(tensor))


def _assert(condition: tf.Tensor, message: str, value: tf.Tensor) -> tf.Operation:
    is_kept = tf.reduce_all(condition)
    return tf.raw_ops.Assert(condition=is_kept, data=[tf.constant(message), value], summarize=4)
