"""The nets as in the paper, in the author's own layout, to compare `nets` with.

Images are BGR 0..255 and upright; everything else is the author's: RGB, (x - 127.5) / 128,
transposed images, x before y, two scores a head.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from facedetect.arrays import Float32Array

Arrays = Mapping[str, Float32Array]

_YX_BOX = [1, 0, 3, 2]
_YX_LANDMARKS = [5, 6, 7, 8, 9, 0, 1, 2, 3, 4]


def pnet(arrays: Arrays, image: Float32Array) -> tuple[Float32Array, Float32Array]:
    """[h, w, 3] -> face logits [h', w'] and box offsets y1, x1, y2, x2 [h', w', 4]."""
    y = _author_input(image[np.newaxis])
    y = _pool(_conv(arrays, "pnet/conv1", y), 2, "VALID")
    y = _conv(arrays, "pnet/conv3", _conv(arrays, "pnet/conv2", y))
    scores, offsets = (_conv(arrays, f"pnet/{head}", y) for head in ("face", "box"))
    upright = (tensor[0].numpy().swapaxes(0, 1) for tensor in (scores, offsets))
    scores, offsets = upright
    return scores[..., 1] - scores[..., 0], offsets[..., _YX_BOX]


def rnet(arrays: Arrays, crops: Float32Array) -> Float32Array:
    """[n, 24, 24, 3] -> [n, 5]: face logit and box offsets."""
    return _heads(arrays, "rnet", _crop_features(arrays, "rnet/conv{}", crops))


def onet(arrays: Arrays, crops: Float32Array) -> Float32Array:
    """[n, 48, 48, 3] -> [n, 15]: face logit, box offsets and landmarks."""
    y = _pool(_conv(arrays, "onet/conv1", _author_input(crops)), 3, "SAME")
    y = _pool(_conv(arrays, "onet/conv2", y), 3, "VALID")
    y = tf.nn.max_pool2d(_conv(arrays, "onet/conv3", y), 2, 2, "VALID")
    y = _conv(arrays, "onet/conv4", y)
    landmarks = _head_input(arrays, "onet/dense", y) @ arrays["onet/landmarks/weight"]
    landmarks = (landmarks + arrays["onet/landmarks/bias"])[:, _YX_LANDMARKS]
    return np.concatenate([_heads(arrays, "onet", y), landmarks], axis=1)


def lnet(arrays: Arrays, patches: Float32Array) -> Float32Array:
    """[5, n, 24, 24, 3] -> [n, 10]: where in its patch each point is, y1..y5, x1..x5."""
    numbers = range(1, 6)
    maps = [
        _crop_features(arrays, f"lnet/conv{{}}_{number}", crops)
        for number, crops in zip(numbers, patches, strict=True)
    ]
    hidden = _head_input(arrays, "lnet/dense", tf.concat(maps, axis=3))
    positions_xy = [
        _head_input(arrays, f"lnet/dense_{number}", hidden) @ arrays[f"lnet/point_{number}/weight"]
        + arrays[f"lnet/point_{number}/bias"]
        for number in numbers
    ]
    return np.concatenate([np.stack(positions_xy, axis=2)[:, i] for i in (1, 0)], axis=1)


def _crop_features(arrays: Arrays, names: str, crops: Float32Array) -> tf.Tensor:
    """R-Net's convolutions, called by the `names` with a 1, 2 and 3: [n, 3, 3, 64]."""
    y = _pool(_conv(arrays, names.format(1), _author_input(crops)), 3, "SAME")
    y = _pool(_conv(arrays, names.format(2), y), 3, "VALID")
    return _conv(arrays, names.format(3), y)


def _author_input(images: Float32Array) -> Float32Array:
    rgb = images[..., ::-1].swapaxes(1, 2)
    return np.ascontiguousarray((rgb - 127.5) / 128, dtype=np.float32)


def _heads(arrays: Arrays, net: str, y: tf.Tensor) -> Float32Array:
    hidden = _head_input(arrays, f"{net}/dense", y)
    scores = hidden @ arrays[f"{net}/face/weight"] + arrays[f"{net}/face/bias"]
    offsets = hidden @ arrays[f"{net}/box/weight"] + arrays[f"{net}/box/bias"]
    logits = scores[:, 1:] - scores[:, :1]
    return np.concatenate([logits, offsets[:, _YX_BOX]], axis=1, dtype=np.float32)


def _head_input(arrays: Arrays, dense: str, y: tf.Tensor) -> Float32Array:
    flat = np.asarray(y).reshape(y.shape[0], -1)
    y = flat @ arrays[f"{dense}/weight"] + arrays[f"{dense}/bias"]
    return _prelu(arrays[f"{dense}/slope"], y)


def _conv(arrays: Arrays, name: str, x: tf.Tensor) -> tf.Tensor:
    kernel = arrays[f"{name}/weight"].transpose(2, 3, 1, 0)
    y = tf.nn.conv2d(x, kernel, 1, "VALID") + arrays[f"{name}/bias"]
    slope = arrays.get(f"{name}/slope")
    return y if slope is None else tf.constant(_prelu(slope, y.numpy()))


def _prelu(slope: Float32Array, y: Float32Array) -> Float32Array:
    return np.where(y > 0, y, slope * y).astype(np.float32)


def _pool(x: tf.Tensor, size: int, padding: str) -> tf.Tensor:
    return tf.nn.max_pool2d(x, size, 2, padding)
