"""Read the author's own Caffe models, det1.caffemodel to det4.caffemodel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path

import numpy as np
from google.protobuf.message import DecodeError

from facedetect.errors import InvalidModel
from facedetect.model.caffe_pb2 import BlobProto, NetParameter
from facedetect.model.weights import POINTS, Arrays, FloatArray, array_shapes

# A file's layers: our name -> the author's, and the author's name of the PReLU that follows it.
LayerNames = dict[str, tuple[str, ...]]
Layers = Mapping[str, Sequence[BlobProto]]

_REQUIRED: dict[str, LayerNames] = {
    "det1.caffemodel": {
        "pnet/conv1": ("conv1", "PReLU1"),
        "pnet/conv2": ("conv2", "PReLU2"),
        "pnet/conv3": ("conv3", "PReLU3"),
        "pnet/face": ("conv4-1",),
        "pnet/box": ("conv4-2",),
    },
    "det2.caffemodel": {
        "rnet/conv1": ("conv1", "prelu1"),
        "rnet/conv2": ("conv2", "prelu2"),
        "rnet/conv3": ("conv3", "prelu3"),
        "rnet/dense": ("conv4", "prelu4"),
        "rnet/face": ("conv5-1",),
        "rnet/box": ("conv5-2",),
    },
    "det3.caffemodel": {
        "onet/conv1": ("conv1", "prelu1"),
        "onet/conv2": ("conv2", "prelu2"),
        "onet/conv3": ("conv3", "prelu3"),
        "onet/conv4": ("conv4", "prelu4"),
        "onet/dense": ("conv5", "prelu5"),
        "onet/face": ("conv6-1",),
        "onet/box": ("conv6-2",),
        "onet/landmarks": ("conv6-3",),
    },
}
_LANDMARK_FILE = "det4.caffemodel"
_LANDMARK_LAYERS: LayerNames = {
    **{f"lnet/conv{i}_{k}": (f"conv{i}_{k}", f"prelu{i}_{k}") for k in POINTS for i in (1, 2, 3)},
    "lnet/dense": ("fc4", "prelu4"),
    **{f"lnet/dense_{k}": (f"fc4_{k}", f"prelu4_{k}") for k in POINTS},
    **{f"lnet/point_{k}": (f"fc5_{k}",) for k in POINTS},
}

_DENSE_RANK = 2
_MAP_SIDE = 3  # of the maps that the first dense layers flatten


def read_caffe(folder: Path) -> Arrays:
    """Read det1, det2, det3 and, if present, det4.caffemodel from `folder`.

    The arrays are named and laid out as in models/README.md. Raises InvalidModel if one of the
    first three files is missing, or a layer is not that of the author's nets.
    """
    has_landmark_net = (folder / _LANDMARK_FILE).exists()
    files = _REQUIRED | ({_LANDMARK_FILE: _LANDMARK_LAYERS} if has_landmark_net else {})
    shapes = array_shapes(landmark_net=has_landmark_net)
    arrays: dict[str, FloatArray] = {}
    for file, names in files.items():
        layers = _read_layers(folder / file)
        for ours, (name, *prelu) in names.items():
            kernel_shape, bias_shape = shapes[f"{ours}/weight"], shapes[f"{ours}/bias"]
            is_dense = len(kernel_shape) == _DENSE_RANK
            stored_shape = kernel_shape[::-1] if is_dense else kernel_shape
            kernel, bias = _blobs(folder / file, layers, name, [stored_shape, bias_shape])
            arrays[f"{ours}/weight"] = _dense_kernel(ours, kernel) if is_dense else kernel
            arrays[f"{ours}/bias"] = bias
            for name_of_prelu in prelu:
                (slope,) = _blobs(folder / file, layers, name_of_prelu, [bias_shape])
                arrays[f"{ours}/slope"] = slope
    return arrays


def _read_layers(path: Path) -> Layers:
    net = NetParameter()
    try:
        net.ParseFromString(path.read_bytes())
    except (OSError, DecodeError) as error:
        raise InvalidModel(
            f"{path} is not a readable Caffe model: {error}; the folder must hold "
            f"{', '.join(_REQUIRED)}, and may hold {_LANDMARK_FILE}"
        ) from error
    return {layer.name: layer.blobs for layer in net.layer}


def _blobs(
    path: Path, layers: Layers, name: str, shapes: Sequence[tuple[int, ...]]
) -> list[FloatArray]:
    """Return a layer's arrays; raises InvalidModel if they do not have these shapes."""
    blobs = layers.get(name, [])
    arrays = [np.array(blob.data, np.float32) for blob in blobs]
    found = [tuple(blob.shape.dim) for blob in blobs]
    sizes = [array.size for array in arrays]
    if found != list(shapes) or sizes != [prod(shape) for shape in shapes]:
        raise InvalidModel(
            f"{path}: layer {name} must hold {_format_shapes(shapes)}, and holds "
            f"{_format_shapes(found)} with {sizes} values; use the author's own files"
        )
    return [array.reshape(shape) for array, shape in zip(arrays, shapes, strict=True)]


def _format_shapes(shapes: Sequence[tuple[int, ...]]) -> str:
    return " and ".join(str(list(shape)) for shape in shapes) or "nothing"


def _dense_kernel(name: str, kernel: FloatArray) -> FloatArray:
    """[out, in] -> [in, out]; Caffe flattens maps as channels, height, width, we channels last."""
    outputs, inputs = kernel.shape
    if not name.endswith("/dense"):
        return np.ascontiguousarray(kernel.T)
    maps = kernel.reshape(outputs, inputs // _MAP_SIDE**2, _MAP_SIDE, _MAP_SIDE)
    return maps.transpose(2, 3, 1, 0).reshape(inputs, outputs)
