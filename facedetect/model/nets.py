"""P-Net, R-Net and O-Net as TensorFlow ops, shaped for speed and equal to the plain nets.

Three rewritings, exact but for rounding:

* PReLU with a slope of at most 1 is max(y, slope * y). It runs on [rows, width * channels], the
  slopes tiled to a whole row, because broadcasting over a few channels is what makes it slow.
* PReLU with a slope of at least 0 is increasing, so P-Net pools first and has a quarter to do.
* A head's face and background scores are one logit (see `weights`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from facedetect.model.weights import FloatArray, Layer, Net

# oneDNN's convolutions write channels in blocks of 16: a fuller block costs no time.
_CHANNEL_BLOCK = 16


class PNet:
    """The proposal net, fully convolutional with stride 2 and a 12x12 receptive field."""

    side = 12

    def __init__(self, net: Net) -> None:
        self._conv1 = PooledPReLU.around(net["conv1"])
        self._conv2 = _scale_inputs(net["conv2"], self._conv1.signs)
        self._conv3 = net["conv3"]
        self._face = net["face"]
        self._box = net["box"]

    def features(self, image: tf.Tensor) -> tf.Tensor:
        """[1, h, w, 3] -> the features of each cell, [(h // 2 - 5) * (w // 2 - 5), 32]."""
        y = self._conv1.apply(image)
        y = _prelu_rows(_convolve(y, self._conv2), self._conv2)
        y = _prelu_rows(_convolve(y, self._conv3), self._conv3)
        return tf.reshape(y, [-1, self._conv3.bias.size])

    def face_logits(self, features: tf.Tensor) -> tf.Tensor:
        """[n, 32] -> [n]."""
        return tf.squeeze(_dense(features, self._face), axis=1)

    def box_offsets(self, features: tf.Tensor) -> tf.Tensor:
        """[n, 32] -> [n, 4]."""
        return _dense(features, self._box)


class RNet:
    """The refinement net: crops [n, 24, 24, 3] -> logits and box offsets."""

    side = 24
    columns = 5

    def __init__(self, net: Net) -> None:
        self._features = CropFeatures(net["conv1"], net["conv2"], net["conv3"])
        self._dense = net["dense"]
        self._heads = _side_by_side(net["face"], net["box"])

    def __call__(self, crops: tf.Tensor) -> tf.Tensor:
        """[n, 24, 24, 3] -> [n, 5]: the face logit and four box offsets."""
        return two_layers(self._features(crops), self._dense, self._heads)


class CropFeatures:
    """The convolutions that R-Net has, and the landmark net for each of its points."""

    side = 24

    def __init__(self, conv1: Layer, conv2: Layer, conv3: Layer) -> None:
        self._conv1, self._conv2 = _without_steep_slopes(conv1, conv2)
        self._conv3 = conv3

    def __call__(self, crops: tf.Tensor) -> tf.Tensor:
        """[n, 24, 24, 3] -> [n, 3, 3, 64]."""
        y = _prelu_crops(_convolve(crops, self._conv1), self._conv1, side=22)
        y = tf.nn.max_pool2d(y, 3, 2, "SAME")
        y = _prelu_crops(_convolve(y, self._conv2), self._conv2, side=9)
        y = tf.nn.max_pool2d(y, 3, 2, "VALID")
        return _prelu_crops(_convolve(y, self._conv3), self._conv3, side=3)


class ONet:
    """The output net: crops [n, 48, 48, 3] -> logits, box offsets and landmarks."""

    side = 48
    columns = 15

    def __init__(self, net: Net) -> None:
        self._conv1, self._conv2 = _without_steep_slopes(net["conv1"], net["conv2"])
        self._conv3 = net["conv3"]
        self._conv4 = net["conv4"]
        self._dense = net["dense"]
        self._heads = _side_by_side(net["face"], net["box"], net["landmarks"])

    def __call__(self, crops: tf.Tensor) -> tf.Tensor:
        """[n, 48, 48, 3] -> [n, 15]: the face logit, four box offsets, ten landmark positions."""
        y = _prelu_crops(_convolve(crops, self._conv1), self._conv1, side=46)
        y = tf.nn.max_pool2d(y, 3, 2, "SAME")
        y = _prelu_crops(_convolve(y, self._conv2), self._conv2, side=21)
        y = tf.nn.max_pool2d(y, 3, 2, "VALID")
        y = _prelu_crops(_convolve(y, self._conv3), self._conv3, side=8)
        y = tf.nn.max_pool2d(y, 2, 2, "VALID")
        y = _prelu_crops(_convolve(y, self._conv4), self._conv4, side=3)
        return two_layers(y, self._dense, self._heads)


@dataclass(frozen=True)
class PooledPReLU:
    """A convolution, its 2x2 max-pool and then its PReLU: pool(PReLU(y)) from pool(y).

    PReLU is max(upper, lower), each a selection of the pooled channels. A channel with a negative
    slope is not increasing, so its product with the slope is pooled as a channel of its own.
    A channel with a slope above 1 comes out negated; `signs` tells the next layer.
    """

    conv: Layer
    upper: FloatArray
    lower: FloatArray
    signs: FloatArray

    @classmethod
    def around(cls, layer: Layer) -> PooledPReLU:
        slope = _slope_of(layer)
        falling = np.flatnonzero(slope < 0)
        channels = slope.size
        kernel = np.concatenate(
            [layer.kernel, layer.kernel[..., falling] * slope[falling]], axis=3, dtype=np.float32
        )
        bias = np.concatenate([layer.bias, layer.bias[falling] * slope[falling]], dtype=np.float32)
        signs = np.where(slope > 1, -1, 1).astype(np.float32)
        upper = np.zeros((bias.size, channels), np.float32)
        lower = np.zeros((bias.size, channels), np.float32)
        rising = np.flatnonzero(slope >= 0)
        upper[np.arange(channels), np.arange(channels)] = signs
        lower[rising, rising] = signs[rising] * slope[rising]
        lower[channels + np.arange(falling.size), falling] = 1
        return cls(Layer(kernel, bias), upper, lower, signs)

    def apply(self, image: tf.Tensor) -> tf.Tensor:
        pooled = tf.nn.max_pool2d(_convolve(image, self.conv), 2, 2, "VALID")
        shape = tf.shape(pooled)
        flat = tf.reshape(pooled, [-1, self.conv.bias.size])
        y = tf.maximum(tf.matmul(flat, self.upper), tf.matmul(flat, self.lower))
        return tf.reshape(y, [1, shape[1], shape[2], self.signs.size])


def _convolve(x: tf.Tensor, layer: Layer) -> tf.Tensor:
    return tf.nn.bias_add(tf.nn.conv2d(x, layer.kernel, 1, "VALID"), layer.bias)


def _dense(x: tf.Tensor, layer: Layer) -> tf.Tensor:
    return tf.nn.bias_add(tf.matmul(x, layer.kernel), layer.bias)


def hidden_layer(x: tf.Tensor, dense: Layer) -> tf.Tensor:
    """A dense layer with its PReLU, on whatever flattens to [n, inputs]."""
    y = _dense(tf.reshape(x, [-1, dense.kernel.shape[0]]), dense)
    return tf.maximum(y, y * _slope_of(dense))


def two_layers(x: tf.Tensor, dense: Layer, heads: Layer) -> tf.Tensor:
    """A dense layer with its PReLU, and the heads on it."""
    return _dense(hidden_layer(x, dense), heads)


def _prelu_rows(y: tf.Tensor, layer: Layer) -> tf.Tensor:
    """PReLU of [1, h, w, channels] with a width known only at run time."""
    shape = tf.shape(y)
    rows = tf.reshape(y, [shape[1], -1])
    slopes = tf.tile(_slope_of(layer), shape[2:3])
    return tf.reshape(tf.maximum(rows, rows * slopes), shape)


def _prelu_crops(y: tf.Tensor, layer: Layer, side: int) -> tf.Tensor:
    """PReLU of [n, side, side, channels]."""
    slopes = np.tile(_slope_of(layer), side * side)
    rows = tf.reshape(y, [-1, slopes.size])
    return tf.reshape(tf.maximum(rows, rows * slopes), [-1, side, side, layer.bias.size])


def _slope_of(layer: Layer) -> FloatArray:
    assert layer.slope is not None, "this layer has no PReLU"
    return layer.slope


def _scale_inputs(layer: Layer, factors: FloatArray) -> Layer:
    return Layer(layer.kernel * factors[:, np.newaxis], layer.bias, layer.slope)


def _side_by_side(*heads: Layer) -> Layer:
    return Layer(
        np.concatenate([head.kernel for head in heads], axis=1),
        np.concatenate([head.bias for head in heads]),
    )


def _without_steep_slopes(first: Layer, second: Layer) -> tuple[Layer, Layer]:
    """Rewrite slopes s > 1, for which max(y, s * y) is not PReLU; pad to whole channel blocks.

    PReLU(y) = (1 + s) * y - max(y, s * y): the channel goes on with slope 1, a copy has slope s,
    and the second convolution combines them. It stays true of a max-pool in between, since both
    are increasing in y.
    """
    slope = _slope_of(first)
    steep = np.flatnonzero(slope > 1)
    used = slope.size + steep.size
    padding = -used % _CHANNEL_BLOCK
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


def _pad_last(array: FloatArray, count: int) -> FloatArray:
    return np.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, count)])
