"""MTCNN's weights: read them from a file, and convert them to the layout of `nets`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from facedetect.arrays import Float32Array
from facedetect.errors import InvalidModel

Arrays = Mapping[str, NDArray[Any]]

POINTS = range(1, 6)
"""The author's numbering of the landmarks in the landmark net."""

NEUTRAL = 127.5
"""The pixel value that the nets' normalisation, (x - 127.5) / 128, maps to 0."""

# Reorders a head's columns from x before y to y before x.
_YX_COLUMNS = {
    "box": [1, 0, 3, 2],
    "landmarks": [5, 6, 7, 8, 9, 0, 1, 2, 3, 4],
    **{f"point_{point}": [1, 0] for point in POINTS},
}

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
    # The landmark net: convolutions for each point's patch, a dense layer over all of their maps
    # [3, 3, 5 * 64], and two layers for each point, which give x, y.
    **{f"lnet/conv1_{point}": (28, 3, 3, 3) for point in POINTS},
    **{f"lnet/conv2_{point}": (48, 28, 3, 3) for point in POINTS},
    **{f"lnet/conv3_{point}": (64, 48, 2, 2) for point in POINTS},
    "lnet/dense": (2880, 256),
    **{f"lnet/dense_{point}": (256, 64) for point in POINTS},
    **{f"lnet/point_{point}": (64, 2) for point in POINTS},
}
_CONV_RANK = 4
_HEADS = ("face", *_YX_COLUMNS)


@dataclass(frozen=True)
class Layer:
    """`kernel` [height, width, in, out] or [in, out], `bias` [out], PReLU `slope` [out]."""

    kernel: Float32Array
    bias: Float32Array
    slope: Float32Array | None = None


Net = Mapping[str, Layer]


@dataclass(frozen=True)
class Weights:
    """The nets. Input BGR 0..255; box columns y1, x1, y2, x2; landmarks y1..y5, x1..x5.

    `pnet`, `rnet` and `onet` have the heads `face` (one logit: the face's minus the background's)
    and `box`, `onet` also `landmarks`. `lnet`, which refines landmarks, has the heads `point_1` to
    `point_5` with the columns y, x.
    """

    pnet: Net
    rnet: Net
    onet: Net
    lnet: Net | None = None


def default_weights_path() -> Path:
    """Return the path of the built-in weights: next to this module, or models/ in a checkout."""
    packaged = Path(__file__).with_name("mtcnn.safetensors")
    if packaged.exists():
        return packaged
    return Path(__file__).parents[2] / "models" / "mtcnn.safetensors"


def load_weights(path: Path | None = None) -> Weights:
    """Read the weights from a .safetensors file as models/README.md describes it.

    Raises InvalidModel if the file cannot be read, or an array is missing or has another shape.
    """
    path = path or default_weights_path()
    try:
        arrays = load_file(path)
    except (OSError, SafetensorError) as error:
        raise InvalidModel(f"{path} is not a readable .safetensors file: {error}") from error
    return arrange(arrays, path)


def arrange(arrays: Arrays, source: Path) -> Weights:
    """Convert arrays from the author's layout to that of `nets`.

    They are named as in models/README.md; those of the landmark net may all be missing. Raises
    InvalidModel, naming `source`, if an array is missing or has another shape.
    """
    shapes = array_shapes(landmark_net=any(name.startswith("lnet/") for name in arrays))
    _check_arrays(arrays, source, shapes)
    nets: dict[str, dict[str, Layer]] = defaultdict(dict)
    for name in shapes:
        net, layer, part = name.split("/")
        if part == "weight":
            nets[net][layer] = _layer(arrays, f"{net}/{layer}")
    return Weights(**nets)


def array_shapes(*, landmark_net: bool) -> dict[str, tuple[int, ...]]:
    """Return the shape of each array by its name, in the author's layout; all are float32."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name, shape in _KERNELS.items():
        if name.startswith("lnet/") and not landmark_net:
            continue
        outputs = shape[0] if len(shape) == _CONV_RANK else shape[1]
        shapes[f"{name}/weight"] = shape
        shapes[f"{name}/bias"] = (outputs,)
        if name.split("/")[1] not in _HEADS:
            shapes[f"{name}/slope"] = (outputs,)
    return shapes


def _check_arrays(arrays: Arrays, source: Path, shapes: Mapping[str, tuple[int, ...]]) -> None:
    for name, shape in shapes.items():
        array = arrays.get(name)
        if array is None or array.shape != shape or array.dtype != np.float32:
            found = "missing" if array is None else f"{array.dtype} {list(array.shape)}"
            raise InvalidModel(
                f"{name} in {source} is {found}; it must be float32 {list(shape)}: "
                "see models/README.md"
            )
        if name.endswith("/slope") and "/conv1" not in name and not np.all(array <= 1):
            raise InvalidModel(
                f"{name} in {source} has slopes up to {array.max():g}; only the first layers may "
                "have slopes over 1"
            )


def _layer(arrays: Arrays, name: str) -> Layer:
    """Convert one layer. The author trained on transposed images: swap height and width."""
    kernel, bias = arrays[f"{name}/weight"], arrays[f"{name}/bias"]
    layer = name.split("/")[1]
    if kernel.ndim == _CONV_RANK:
        kernel = kernel.transpose(3, 2, 1, 0)
        if layer in _HEADS:  # P-Net's, 1x1
            kernel = kernel[0, 0]
    if layer == "dense":  # on maps of 3x3
        inputs, outputs = kernel.shape
        by_place = kernel.reshape(3, 3, inputs // 9, outputs).transpose(1, 0, 2, 3)
        kernel = by_place.reshape(inputs, outputs)
    if layer.startswith("conv1"):
        kernel, bias = _fold_normalisation(kernel, bias)
    if layer == "face":  # softmax([a, b])[1] = sigmoid(b - a)
        kernel, bias = kernel[:, 1:] - kernel[:, :1], bias[1:] - bias[:1]
    if layer in _YX_COLUMNS:
        kernel, bias = kernel[:, _YX_COLUMNS[layer]], bias[_YX_COLUMNS[layer]]
    return Layer(kernel, bias, arrays.get(f"{name}/slope"))


def _fold_normalisation(
    kernel: Float32Array, bias: Float32Array
) -> tuple[Float32Array, Float32Array]:
    """Fold (x - 127.5) / 128 and RGB -> BGR into a first convolution, in float64."""
    wide = kernel[:, :, ::-1].astype(np.float64)
    shifted = bias - NEUTRAL / 128 * wide.sum(axis=(0, 1, 2))
    return (wide / 128).astype(np.float32), shifted.astype(np.float32)


def concat_outputs(*layers: Layer) -> Layer:
    """Join dense layers on the same inputs; either all have a PReLU or none."""
    slopes = [layer.slope for layer in layers if layer.slope is not None]
    return Layer(
        np.concatenate([layer.kernel for layer in layers], axis=1),
        np.concatenate([layer.bias for layer in layers]),
        np.concatenate(slopes) if slopes else None,
    )


def block_diagonal(heads: Sequence[Layer]) -> Layer:
    """Join heads y, x on separate inputs into one layer with columns y1..y5, x1..x5."""
    count, (inputs, _) = len(heads), heads[0].kernel.shape
    kernel = np.zeros((count, inputs, 2, count), np.float32)
    for index, head in enumerate(heads):
        kernel[index, :, :, index] = head.kernel
    biases = np.stack([head.bias for head in heads], axis=1)
    return Layer(kernel.reshape(count * inputs, 2 * count), biases.ravel())
