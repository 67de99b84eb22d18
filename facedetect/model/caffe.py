"""The author's own model files, det1.caffemodel to det4.caffemodel, as Caffe wrote them."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from pathlib import Path

import numpy as np
from google.protobuf.message import DecodeError

from facedetect.errors import InvalidModel
from facedetect.model.caffe_pb2 import BlobProto, NetParameter
from facedetect.model.weights import POINTS, Arrays, FloatArray, array_shapes

# A file's layers: our name -> the author's, with that of the PReLU that follows it.
Names = dict[str, tuple[str, ...]]

_REQUIRED: dict[str, Names] = {
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
_LANDMARK_NAMES: Names = {
    **{f"lnet/conv{i}_{k}": (f"conv{i}_{k}", f"prelu{i}_{k}") for k in POINTS for i in (1, 2, 3)},
    "lnet/dense": ("fc4", "prelu4"),
    **{f"lnet/dense_{k}": (f"fc4_{k}", f"prelu4_{k}") for k in POINTS},
    **{f"lnet/point_{k}": (f"fc5_{k}",) for k in POINTS},
}

_DENSE_RANK = 2
_MAP_SIDE = 3  # of what the first dense layers flatten


def read_caffe(folder: Path) -> Arrays:
    """Read det1, det2, det3 and, if it is there, det4.caffemodel from `folder`.

    The arrays are named and laid out as models/README.md says. Raises InvalidModel if one of the
    first three files is missing, or a layer is not as the author's nets have it.
    """
    has_landmark_net = (folder / _LANDMARK_FILE).exists()
    files = _REQUIRED | ({_LANDMARK_FILE: _LANDMARK_NAMES} if has_landmark_net else {})
    shapes = array_shapes(landmark_net=has_landmark_net)
    arrays: dict[str, FloatArray] = {}
    for file, names in files.items():
        net = _CaffeNet(folder / file)
        for ours, (layer, *prelu) in names.items():
            kernel_shape, bias_shape = shapes[f"{ours}/weight"], shapes[f"{ours}/bias"]
            is_dense = len(kernel_shape) == _DENSE_RANK
            stored_shape = kernel_shape[::-1] if is_dense else kernel_shape
            kernel, bias = net.blobs(layer, [stored_shape, bias_shape])
            arrays[f"{ours}/weight"] = _dense_kernel(ours, kernel) if is_dense else kernel
            arrays[f"{ours}/bias"] = bias
            for name in prelu:
                (arrays[f"{ours}/slope"],) = net.blobs(name, [bias_shape])
    return arrays


class _CaffeNet:
    """One file's layers by their names."""

    def __init__(self, path: Path) -> None:
        net = NetParameter()
        try:
            net.ParseFromString(path.read_bytes())
        except (OSError, DecodeError) as error:
            raise InvalidModel(
                f"{path} is not a readable Caffe model: {error}; the folder must hold "
                f"{', '.join(_REQUIRED)}, and may hold {_LANDMARK_FILE}"
            ) from error
        self._path = path
        self._layers: dict[str, Sequence[BlobProto]] = {
            layer.name: layer.blobs for layer in net.layer
        }

    def blobs(self, layer: str, shapes: Sequence[tuple[int, ...]]) -> list[FloatArray]:
        """A layer's arrays, which must have these shapes."""
        blobs = self._layers.get(layer, [])
        arrays = [np.array(blob.data, np.float32) for blob in blobs]
        found = [tuple(blob.shape.dim) for blob in blobs]
        sizes = [array.size for array in arrays]
        if found != list(shapes) or sizes != [prod(shape) for shape in shapes]:
            raise InvalidModel(
                f"{self._path}: layer {layer} must hold {_told(shapes)}, and holds "
                f"{_told(found)} with {sizes} values; take the author's own files"
            )
        return [array.reshape(shape) for array, shape in zip(arrays, shapes, strict=True)]


def _told(shapes: Sequence[tuple[int, ...]]) -> str:
    return " and ".join(str(list(shape)) for shape in shapes) or "nothing"


def _dense_kernel(name: str, kernel: FloatArray) -> FloatArray:
    """[out, in] -> [in, out]; Caffe flattens maps as channels, height, width, we channels last."""
    outputs, inputs = kernel.shape
    if not name.endswith("/dense"):
        return np.ascontiguousarray(kernel.T)
    maps = kernel.reshape(outputs, inputs // _MAP_SIDE**2, _MAP_SIDE, _MAP_SIDE)
    return maps.transpose(2, 3, 1, 0).reshape(inputs, outputs)
