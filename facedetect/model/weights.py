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
Arrays = Mapping[str, NDArray[Any]]

POINTS = range(1, 6)
"""The landmarks by their numbers in the author's landmark net."""

NEUTRAL = 127.5
"""The pixel value that the nets' normalisation, (x - 127.5) / 128, turns into 0."""

# The heads' columns, from x before y to y before x.
_BOX_YX = [1, 0, 3, 2]
_POINT_YX = [1, 0]
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
# The landmark net: a branch of convolutions for each point's patch, a dense layer over all of their
# maps [3, 3, 5 * 64], and two layers for each point that answer x, y.
_LANDMARK_KERNELS: dict[str, tuple[int, ...]] = {
    **{f"lnet/conv1_{point}": (28, 3, 3, 3) for point in POINTS},
    **{f"lnet/conv2_{point}": (48, 28, 3, 3) for point in POINTS},
    **{f"lnet/conv3_{point}": (64, 48, 2, 2) for point in POINTS},
    "lnet/dense": (2880, 256),
    **{f"lnet/dense_{point}": (256, 64) for point in POINTS},
    **{f"lnet/point_{point}": (64, 2) for point in POINTS},
}
_CONV_RANK = 4
_HEADS = ("face", "box", "landmarks", *(f"point_{point}" for point in POINTS))


@dataclass(frozen=True)
class Layer:
    """`kernel` [height, width, in, out] or [in, out], `bias` [out], PReLU `slope` [out]."""

    kernel: FloatArray
    bias: FloatArray
    slope: FloatArray | None = None


Net = Mapping[str, Layer]


@dataclass(frozen=True)
class Weights:
    """The nets. Input BGR 0..255; box columns y1, x1, y2, x2; landmarks y1..y5, x1..x5.

    The three nets of every MTCNN have the heads `face` (one logit: the face's less the
    background's) and `box`; `onet` has `landmarks` as well. `lnet`, which refines landmarks, has
    `point_1` to `point_5`, columns y, x, and layers of those numbers before them.
    """

    pnet: Net
    rnet: Net
    onet: Net
    lnet: Net | None = None


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
    return arrange(arrays, path)


def arrange(arrays: Arrays, source: Path) -> Weights:
    """The weights in the layout that the graph wants, from arrays in the author's.

    `arrays` are named as models/README.md says; those of the landmark net may be missing
    altogether. Raises InvalidModel, naming `source`, if an array is missing or of another shape.
    """
    has_landmark_net = any(name.startswith("lnet/") for name in arrays)
    for name, shape in array_shapes(landmark_net=has_landmark_net).items():
        array = arrays.get(name)
        if array is None or array.shape != shape or array.dtype != np.float32:
            found = "missing" if array is None else f"{array.dtype} {list(array.shape)}"
            raise InvalidModel(
                f"{name} in {source} is {found}; it must be float32 {list(shape)}: "
                "see models/README.md"
            )
        if name.endswith("/slope") and "/conv1" not in name and not np.all(array <= 1):
            raise InvalidModel(
                f"{name} in {source} has slopes up to {array.max():g}; the graph takes slopes over "
                "1 in the first layers only"
            )
    return Weights(
        pnet=_pnet(arrays),
        rnet=_rnet(arrays),
        onet=_onet(arrays),
        lnet=_lnet(arrays) if has_landmark_net else None,
    )


def array_shapes(*, landmark_net: bool) -> dict[str, tuple[int, ...]]:
    """The shape of each array by its name, in the author's layout; all are float32."""
    shapes: dict[str, tuple[int, ...]] = {}
    for layer, shape in (_KERNELS | (_LANDMARK_KERNELS if landmark_net else {})).items():
        outputs = shape[0] if len(shape) == _CONV_RANK else shape[1]
        shapes[f"{layer}/weight"] = shape
        shapes[f"{layer}/bias"] = (outputs,)
        if not layer.endswith(_HEADS):
            shapes[f"{layer}/slope"] = (outputs,)
    return shapes


def _pnet(arrays: Arrays) -> Net:
    return {
        "conv1": _fold_normalisation(_conv(arrays, "pnet/conv1")),
        "conv2": _conv(arrays, "pnet/conv2"),
        "conv3": _conv(arrays, "pnet/conv3"),
        "face": _face_logit(_flat_conv(arrays, "pnet/face")),
        "box": _take(_flat_conv(arrays, "pnet/box"), _BOX_YX),
    }


def _rnet(arrays: Arrays) -> Net:
    return {
        "conv1": _fold_normalisation(_conv(arrays, "rnet/conv1")),
        "conv2": _conv(arrays, "rnet/conv2"),
        "conv3": _conv(arrays, "rnet/conv3"),
        "dense": _first_dense(arrays, "rnet/dense"),
        "face": _face_logit(_dense(arrays, "rnet/face")),
        "box": _take(_dense(arrays, "rnet/box"), _BOX_YX),
    }


def _onet(arrays: Arrays) -> Net:
    return {
        "conv1": _fold_normalisation(_conv(arrays, "onet/conv1")),
        "conv2": _conv(arrays, "onet/conv2"),
        "conv3": _conv(arrays, "onet/conv3"),
        "conv4": _conv(arrays, "onet/conv4"),
        "dense": _first_dense(arrays, "onet/dense"),
        "face": _face_logit(_dense(arrays, "onet/face")),
        "box": _take(_dense(arrays, "onet/box"), _BOX_YX),
        "landmarks": _take(_dense(arrays, "onet/landmarks"), _LANDMARKS_YX),
    }


def _lnet(arrays: Arrays) -> Net:
    net = {"dense": _first_dense(arrays, "lnet/dense")}
    for point in POINTS:
        net[f"conv1_{point}"] = _fold_normalisation(_conv(arrays, f"lnet/conv1_{point}"))
        net[f"conv2_{point}"] = _conv(arrays, f"lnet/conv2_{point}")
        net[f"conv3_{point}"] = _conv(arrays, f"lnet/conv3_{point}")
        net[f"dense_{point}"] = _dense(arrays, f"lnet/dense_{point}")
        net[f"point_{point}"] = _take(_dense(arrays, f"lnet/point_{point}"), _POINT_YX)
    return net


def _dense(arrays: Arrays, name: str) -> Layer:
    slope = arrays.get(f"{name}/slope")
    return Layer(arrays[f"{name}/weight"], arrays[f"{name}/bias"], slope)


def _conv(arrays: Arrays, name: str) -> Layer:
    """OIHW -> HWIO with height and width exchanged: the author trained on transposed images."""
    layer = _dense(arrays, name)
    return Layer(layer.kernel.transpose(3, 2, 1, 0), layer.bias, layer.slope)


def _flat_conv(arrays: Arrays, name: str) -> Layer:
    """A 1x1 convolution as the matrix it is."""
    layer = _conv(arrays, name)
    return Layer(layer.kernel[0, 0], layer.bias, layer.slope)


def _first_dense(arrays: Arrays, name: str) -> Layer:
    """The dense layer behind a 3x3 map: its rows exchange height and width, as the kernels do."""
    layer = _dense(arrays, name)
    inputs, outputs = layer.kernel.shape
    by_place = layer.kernel.reshape(3, 3, inputs // 9, outputs).transpose(1, 0, 2, 3)
    return Layer(by_place.reshape(inputs, outputs), layer.bias, layer.slope)


def _fold_normalisation(layer: Layer) -> Layer:
    """Move (x - 127.5) / 128 and RGB -> BGR into a first convolution, in float64."""
    kernel = layer.kernel[:, :, ::-1].astype(np.float64)
    bias = layer.bias - NEUTRAL / 128 * kernel.sum(axis=(0, 1, 2))
    return Layer((kernel / 128).astype(np.float32), bias.astype(np.float32), layer.slope)


def _face_logit(head: Layer) -> Layer:
    """softmax([a, b])[1] = sigmoid(b - a): one column says all."""
    return Layer(head.kernel[:, 1:] - head.kernel[:, :1], head.bias[1:] - head.bias[:1])


def _take(head: Layer, columns: list[int]) -> Layer:
    return Layer(head.kernel[:, columns], head.bias[columns])
