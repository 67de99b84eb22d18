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

# The author's kernels: convolutions [out, in, width, height], dense layers [in, out].
_KERNELS: dict[str, tuple[int, ...]] = {
    "pnet/conv1": (10, 3, 3, 3),
    "pnet/conv2": (16, 10, 3, 3),
    "pnet/conv3": (32, 16, 3, 3),
    "pnet/face": (2, 32, 1, 1),
    "pnet/box": (4, 32, 1, 1),
    "rnet/conv1": (28, 3, 3, 3),
    "rnet/conv2": (48, 28, 3, 3),
    "rnet/conv3": (64, 48, 2, 2),
    "rnet/dense": (576, 128),
    "rnet/face": (128, 2),
    "rnet/box": (128, 4),
    "onet/conv1": (32, 3, 3, 3),
    "onet/conv2": (64, 32, 3, 3),
    "onet/conv3": (64, 64, 3, 3),
    "onet/conv4": (128, 64, 2, 2),
    "onet/dense": (1152, 256),
    "onet/face": (256, 2),
    "onet/box": (256, 4),
    "onet/landmarks": (256, 10),
}
_CONV_RANK = 4
_HEADS = ("face", "box", "landmarks")


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

    Raises InvalidModel if the file is not there, is no .safetensors file, or an array is missing or
    of another shape.
    """
    path = path or default_weights_path()
    try:
        arrays = load_file(path)
    except (OSError, SafetensorError) as error:
        raise InvalidModel(f"{path} is not a readable .safetensors file: {error}") from error
    for name, shape in _expected_shapes().items():
        array = arrays.get(name)
        if array is None or array.shape != shape or array.dtype != np.float32:
            found = "missing" if array is None else f"{array.dtype} {list(array.shape)}"
            raise InvalidModel(
                f"{name} in {path} is {found}; it must be float32 {list(shape)}: "
                "see models/README.md"
            )
    return _arrange(arrays)


def _expected_shapes() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for layer, shape in _KERNELS.items():
        outputs = shape[0] if len(shape) == _CONV_RANK else shape[1]
        shapes[f"{layer}/weight"] = shape
        shapes[f"{layer}/bias"] = (outputs,)
        if not layer.endswith(_HEADS):
            shapes[f"{layer}/slope"] = (outputs,)
    return shapes


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
