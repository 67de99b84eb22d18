"""P-Net, R-Net and O-Net as TensorFlow ops, rewritten for speed.

Three transformations, exact except for rounding:

* PReLU with a slope of at most 1 is max(y, slope * y). It runs on [rows, width * channels] with the
  slopes tiled to a whole row, because broadcasting over a few channels is slow.
* PReLU with a slope of at least 0 is monotonic, so P-Net pools first, which leaves a quarter of
  the work.
* A head's face and background scores are one logit (see `weights`).
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from facedetect.arrays import Float32Array
from facedetect.mtcnn.weights import Layer, Net, concat_outputs

# oneDNN's convolutions write channels in blocks of 16, so filling the last block costs no time.
_CHANNEL_BLOCK = 16


class PNet:
    """The proposal net, fully convolutional with stride 2 and a 12x12 receptive field."""

    side = 12

    def __init__(self, net: Net) -> None:
        self._conv1 = PooledPReLU(net["conv1"])
        self._conv2 = _scale_inputs(net["conv2"], self._conv1.signs)
        self._conv3 = net["conv3"]
        self._face = net["face"]
        self._box = net["box"]

    def features(self, image: tf.Tensor) -> tf.Tensor:
        """[1, h, w, 3] -> the features of each cell, [(h // 2 - 5) * (w // 2 - 5), 32]."""
        y = self._conv1(image)
        y = _convolve_image(_convolve_image(y, self._conv2), self._conv3)
        return tf.reshape(y, [-1, self._conv3.bias.size])

    def face_logits(self, features: tf.Tensor) -> tf.Tensor:
        """[n, 32] -> [n]."""
        return tf.squeeze(dense(features, self._face), axis=1)

    def box_offsets(self, features: tf.Tensor) -> tf.Tensor:
        """[n, 32] -> [n, 4]."""
        return dense(features, self._box)


class RNet:
    """The refinement net: crops [n, 24, 24, 3] -> logits and box offsets."""

    side = 24
    columns = 5

    def __init__(self, net: Net) -> None:
        self._features = CropFeatures(net["conv1"], net["conv2"], net["conv3"])
        self._hidden = net["dense"]
        self._heads = concat_outputs(net["face"], net["box"])

    def __call__(self, crops: tf.Tensor) -> tf.Tensor:
        """[n, 24, 24, 3] -> [n, 5]: the face logit and four box offsets."""
        return dense(hidden_layer(self._features(crops), self._hidden), self._heads)


class CropFeatures:
    """The convolutions of R-Net; the landmark net has the same for each of its points."""

    side = 24

    def __init__(self, conv1: Layer, conv2: Layer, conv3: Layer) -> None:
        self._conv1, self._conv2 = _without_steep_slopes(conv1, conv2)
        self._conv3 = conv3

    def __call__(self, crops: tf.Tensor) -> tf.Tensor:
        """[n, 24, 24, 3] -> [n, 3, 3, 64]."""
        y = _convolve_crops(crops, self._conv1, side=22)
        y = tf.nn.max_pool2d(y, 3, 2, "SAME")
        y = _convolve_crops(y, self._conv2, side=9)
        y = tf.nn.max_pool2d(y, 3, 2, "VALID")
        return _convolve_crops(y, self._conv3, side=3)


class ONet:
    """The output net: crops [n, 48, 48, 3] -> logits, box offsets and landmarks."""

    side = 48
    columns = 15

    def __init__(self, net: Net) -> None:
        self._conv1, self._conv2 = _without_steep_slopes(net["conv1"], net["conv2"])
        self._conv3 = net["conv3"]
        self._conv4 = net["conv4"]
        self._hidden = net["dense"]
        self._heads = concat_outputs(net["face"], net["box"], net["landmarks"])

    def __call__(self, crops: tf.Tensor) -> tf.Tensor:
        """[n, 48, 48, 3] -> [n, 15]: the face logit, four box offsets, ten landmark positions."""
        y = _convolve_crops(crops, self._conv1, side=46)
        y = tf.nn.max_pool2d(y, 3, 2, "SAME")
        y = _convolve_crops(y, self._conv2, side=21)
        y = tf.nn.max_pool2d(y, 3, 2, "VALID")
        y = _convolve_crops(y, self._conv3, side=8)
        y = tf.nn.max_pool2d(y, 2, 2, "VALID")
        y = _convolve_crops(y, self._conv4, side=3)
        return dense(hidden_layer(y, self._hidden), self._heads)


class PooledPReLU:
    """A convolution, its 2x2 max-pool and then its PReLU: pool(PReLU(y)) from pool(y).

    PReLU is max(upper, lower), each a selection of the pooled channels. A channel with a negative
    slope is not increasing, so its product with the slope is pooled as a separate channel.
    A channel with a slope above 1 comes out negated; `signs` [out], 1 or -1, says which.
    """

    def __init__(self, layer: Layer) -> None:
        slope = _slope_of(layer)
        negative = np.flatnonzero(slope < 0)
        kernels = [layer.kernel, layer.kernel[..., negative] * slope[negative]]
        biases = [layer.bias, layer.bias[negative] * slope[negative]]
        self._conv = Layer(
            np.concatenate(kernels, axis=3, dtype=np.float32),
            np.concatenate(biases, dtype=np.float32),
        )
        self.signs = np.where(slope > 1, -1, 1).astype(np.float32)
        channels, pooled = slope.size, self._conv.bias.size
        self._upper = np.zeros((pooled, channels), np.float32)
        self._upper[np.arange(channels), np.arange(channels)] = self.signs
        self._lower = np.zeros((pooled, channels), np.float32)
        other = np.flatnonzero(slope >= 0)
        self._lower[other, other] = self.signs[other] * slope[other]
        self._lower[channels + np.arange(negative.size), negative] = 1

    def __call__(self, image: tf.Tensor) -> tf.Tensor:
        pooled = tf.nn.max_pool2d(_convolve(image, self._conv), 2, 2, "VALID")
        shape = tf.shape(pooled)
        flat = tf.reshape(pooled, [-1, self._conv.bias.size])
        y = tf.maximum(tf.matmul(flat, self._upper), tf.matmul(flat, self._lower))
        return tf.reshape(y, [1, shape[1], shape[2], self.signs.size])


def _convolve(x: tf.Tensor, layer: Layer) -> tf.Tensor:
    return tf.nn.bias_add(tf.nn.conv2d(x, layer.kernel, 1, "VALID"), layer.bias)


def _convolve_image(x: tf.Tensor, layer: Layer) -> tf.Tensor:
    """A convolution and its PReLU, [1, h, w, channels]; h and w are known only at run time."""
    y = _convolve(x, layer)
    shape = tf.shape(y)
    rows = tf.reshape(y, [shape[1], -1])
    slopes = tf.tile(_slope_of(layer), shape[2:3])
    return tf.reshape(tf.maximum(rows, rows * slopes), shape)


def _convolve_crops(x: tf.Tensor, layer: Layer, side: int) -> tf.Tensor:
    """A convolution and its PReLU, [n, side, side, channels]."""
    y = _convolve(x, layer)
    slopes = np.tile(_slope_of(layer), side * side)
    rows = tf.reshape(y, [-1, slopes.size])
    return tf.reshape(tf.maximum(rows, rows * slopes), [-1, side, side, layer.bias.size])


def dense(x: tf.Tensor, layer: Layer) -> tf.Tensor:
    """A dense layer without PReLU."""
    return tf.nn.bias_add(tf.matmul(x, layer.kernel), layer.bias)


def hidden_layer(x: tf.Tensor, layer: Layer) -> tf.Tensor:
    """A dense layer with its PReLU; `x` is flattened to [n, inputs]."""
    y = dense(tf.reshape(x, [-1, layer.kernel.shape[0]]), layer)
    return tf.maximum(y, y * _slope_of(layer))


def _slope_of(layer: Layer) -> Float32Array:
    assert layer.slope is not None, "this layer has no PReLU"
    return layer.slope


def _scale_inputs(layer: Layer, factors: Float32Array) -> Layer:
    return Layer(layer.kernel * factors[:, np.newaxis], layer.bias, layer.slope)


def _without_steep_slopes(first: Layer, second: Layer) -> tuple[Layer, Layer]:
    """Rewrite slopes s > 1, for which max(y, s * y) is not PReLU; pad to whole channel blocks.

    PReLU(y) = (1 + s) * y - max(y, s * y): the channel gets slope 1, a copy has slope s, and the
    second convolution combines them. A max-pool in between changes nothing, since both increase
    with y.
    """
    slope = _slope_of(first)
    steep = np.flatnonzero(slope > 1)
    padding = -(slope.size + steep.size) % _CHANNEL_BLOCK
    factors = np.where(slope > 1, 1 + slope, 1).astype(np.float32)
    second = _scale_inputs(second, factors)
    copies = -(second.kernel[:, :, steep] / factors[steep][:, np.newaxis])
    widened_first = Layer(
        _pad_last(np.concatenate([first.kernel, first.kernel[..., steep]], axis=3), padding),
        _pad_last(np.concatenate([first.bias, first.bias[steep]]), padding),
        _pad_last(np.concatenate([np.minimum(slope, 1), slope[steep]]), padding),
    )
    inputs = np.concatenate([second.kernel, copies], axis=2).swapaxes(2, 3)
    widened_second = Layer(_pad_last(inputs, padding).swapaxes(2, 3), second.bias, second.slope)
    return widened_first, widened_second


def _pad_last(array: Float32Array, count: int) -> Float32Array:
    return np.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, count)])
