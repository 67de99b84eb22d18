"""The image pyramid: P-Net's scales, and the image at a scale."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from facedetect.detection_params import PNET_SIDE
from facedetect.mtcnn.geometry import Geometry

# Halving is cheap compared to P-Net, but a fourth one costs more than it saves at small scales.
_HALVINGS = 3


def pyramid_scales(image: tf.Tensor, min_size: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Return the pyramid's scales [levels], largest first: 12 / min_size, then times factor.

    The smallest level is the last whose shorter side is over 12 px. The products are cumulative, in
    float32: a scale that is off by one bit can make a level one pixel larger.
    """
    shape = tf.cast(tf.shape(image), tf.float32)
    shorter = tf.minimum(shape[0], shape[1])
    first = PNET_SIDE / min_size
    # An upper bound: two more levels than the logarithms give, to allow for rounding.
    levels = tf.math.log(PNET_SIDE / (shorter * first)) / tf.math.log(factor) + 2
    steps = tf.fill([tf.cast(tf.maximum(levels, 0), tf.int32)], factor)
    scales = tf.math.cumprod(tf.concat([first[tf.newaxis], steps], axis=0))
    return tf.boolean_mask(scales, shorter * scales > PNET_SIDE)


class Pyramid:
    """An image [H, W, 3] at any scale."""

    def __init__(self, image: tf.Tensor, geometry: Geometry) -> None:
        self._geometry = geometry
        self._images = [image[tf.newaxis]]
        if geometry.level_resampling == "area":
            for _ in range(_HALVINGS):
                self._images.append(_halve(self._images[-1]))

    def level(self, scale: tf.Tensor) -> tf.Tensor:
        """Return the image at a scale, float32 [1, h, w, 3]."""
        sides = tf.cast(tf.shape(self._images[0])[1:3], tf.float32) * scale
        if self._geometry.level_rounding == "up":
            sides = tf.math.ceil(sides)
        size_hw = tf.cast(sides, tf.int32)
        if self._geometry.level_resampling == "bilinear":
            return tf.raw_ops.ResizeBilinear(images=self._images[0], size=size_hw)
        return _resize_area(self._images, scale, size_hw)


def _halve(images: tf.Tensor) -> tf.Tensor:
    """Average 2x2 pixels; half of an odd side is rounded up."""
    size_hw = (tf.shape(images)[1:3] + 1) // 2
    return tf.raw_ops.ResizeBilinear(images=images, size=size_hw, half_pixel_centers=True)


def _resize_area(images: Sequence[tf.Tensor], scale: tf.Tensor, size_hw: tf.Tensor) -> tf.Tensor:
    """Resize the smallest sufficient image; each image is half as large as the one before.

    A mean of means is the mean, except for pixels across an edge. Reading the full image for each
    level would take longer than P-Net.
    """
    largest, *smaller = images
    if not smaller:
        return tf.raw_ops.ResizeArea(images=largest, size=size_hw)
    return tf.compat.v1.cond(
        scale > 0.5,  # noqa: PLR2004 - the first is at 1, the second at 1/2
        lambda: tf.raw_ops.ResizeArea(images=largest, size=size_hw),
        lambda: _resize_area(smaller, 2 * scale, size_hw),
    )
