"""MTCNN's weights: read from their file, turned into the layout that the graph wants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from facedetect.errors import InvalidModel

FloatArray = NDArray[np.float32]

# The box head's columns and the landmark head's, from x before y to y before x.
_BOX_YX = [1, 0, 3, 2]
_LANDMARKS_YX = [5, 6, 7, 8, 9, 0, 1, 2, 3, 4]


@dataclass(frozen=True)
class Layer:
    """`kernel` [height, width, in, out] or [in, out], `bias` [out], PReLU `slope` [out]."""

    kernel: FloatArray
    bias: FloatArray
    slope: FloatArray | None = None


Net = Mapping[str, Layer]


@dataclass(frozen=True)
class Weights:
    """The three nets. Input BGR 0..255; box columns y1, x1, y2, x2; landmarks y1..y5, x1..x5.

    Every net has the heads `face` (one logit: the face's less the background's) and `box`;
    `onet` has `landmarks` as well.
    """

    pnet: Net
    rnet: Net
    onet: Net


def default_weights_path() -> Path:
    """Where the weights lie: beside this module if installed, in models/ in a checkout."""
    packaged = Path(__file__).with_name("mtcnn.safetensors")
    return (
        packaged
        if packaged.exists()
        else Path(__file__).parents[2] / "models" / "mtcnn.safetensors"
    )


def load_weights(path: Path | None = None) -> Weights:
    """Read the weights from `path`, a .safetensors file as models/README.md describes it.

    Raises InvalidModel if the file is not there, is no .safetensors file or lacks an array.
    """
    path = path or default_weights_path()
    try:
        return _arrange(load_file(path))
    except KeyError as error:
        raise InvalidModel(f"{path} lacks the array {error}; see models/README.md") from error
    except (OSError, SafetensorError) as error:
        raise InvalidModel(f"{path} is not a readable .safetensors file: {error}") from error


def _arrange(arrays: Mapping[str, NDArray[Any]]) -> Weights:
    return Weights(
        pnet={
            "conv1": _fold_normalisation(_conv(arrays, "pnet/conv1")),
            "conv2": _conv(arrays, "pnet/conv2"),
            "conv3": _conv(arrays, "pnet/conv3"),
            "face": _face_logit(_flat_conv(arrays, "pnet/face")),
            "box": _take(_flat_conv(arrays, "pnet/box"), _BOX_YX),
        },
        rnet={
            "conv1": _fold_normalisation(_conv(arrays, "rnet/conv1")),
            "conv2": _conv(arrays, "rnet/conv2"),
            "conv3": _conv(arrays, "rnet/conv3"),
            "dense": _first_dense(arrays, "rnet/dense"),
            "face": _face_logit(_dense(arrays, "rnet/face")),
            "box": _take(_dense(arrays, "rnet/box"), _BOX_YX),
        },
        onet={
            "conv1": _fold_normalisation(_conv(arrays, "onet/conv1")),
            "conv2": _conv(arrays, "onet/conv2"),
            "conv3": _conv(arrays, "onet/conv3"),
            "conv4": _conv(arrays, "onet/conv4"),
            "dense": _first_dense(arrays, "onet/dense"),
            "face": _face_logit(_dense(arrays, "onet/face")),
            "box": _take(_dense(arrays, "onet/box"), _BOX_YX),
            "landmarks": _take(_dense(arrays, "onet/landmarks"), _LANDMARKS_YX),
        },
    )


def _dense(arrays: Mapping[str, NDArray[Any]], name: str) -> Layer:
    slope = arrays.get(f"{name}/slope")
    return Layer(arrays[f"{name}/weight"], arrays[f"{name}/bias"], slope)


def _conv(arrays: Mapping[str, NDArray[Any]], name: str) -> Layer:
    """OIHW -> HWIO with height and width exchanged: the author trained on transposed images."""
    layer = _dense(arrays, name)
    return Layer(layer.kernel.transpose(3, 2, 1, 0), layer.bias, layer.slope)


def _flat_conv(arrays: Mapping[str, NDArray[Any]], name: str) -> Layer:
    """A 1x1 convolution as the matrix it is."""
    layer = _conv(arrays, name)
    return Layer(layer.kernel[0, 0], layer.bias, layer.slope)


def _first_dense(arrays: Mapping[str, NDArray[Any]], name: str) -> Layer:
    """The dense layer behind a 3x3 map: its rows exchange height and width, as the kernels do."""
    layer = _dense(arrays, name)
    inputs, outputs = layer.kernel.shape
    by_place = layer.kernel.reshape(3, 3, inputs // 9, outputs).transpose(1, 0, 2, 3)
    return Layer(by_place.reshape(inputs, outputs), layer.bias, layer.slope)


def _fold_normalisation(layer: Layer) -> Layer:
    """Move (x - 127.5) / 128 and RGB -> BGR into a first convolution, in float64."""
    kernel = layer.kernel[:, :, ::-1].astype(np.float64)
    bias = layer.bias - 127.5 / 128 * kernel.sum(axis=(0, 1, 2))
    return Layer((kernel / 128).astype(np.float32), bias.astype(np.float32), layer.slope)


def _face_logit(head: Layer) -> Layer:
    """softmax([a, b])[1] = sigmoid(b - a): one column says all."""
    return Layer(head.kernel[:, 1:] - head.kernel[:, :1], head.bias[1:] - head.bias[:1])


def _take(head: Layer, columns: list[int]) -> Layer:
    return Layer(head.kernel[:, columns], head.bias[columns])
