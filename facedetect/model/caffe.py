"""Read the author's Caffe models, det1.caffemodel to det4.caffemodel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from google.protobuf.message import DecodeError

from facedetect.arrays import Float32Array
from facedetect.errors import InvalidModel
from facedetect.model.caffe_pb2 import BlobProto, NetParameter
from facedetect.mtcnn.weights import POINTS, Arrays, array_shapes

# A file's layers: our name -> the author's name, and the author's name of the PReLU after it.
LayerNames = dict[str, tuple[str, ...]]

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

    The arrays are named and laid out as in models/README.md; `arrange` checks that none is missing.
    Raises InvalidModel if a file cannot be read.
    """
    has_landmark_net = (folder / _LANDMARK_FILE).exists()
    files = _REQUIRED | ({_LANDMARK_FILE: _LANDMARK_LAYERS} if has_landmark_net else {})
    arrays: dict[str, Float32Array] = {}
    for file, names in files.items():
        layers = _read_layers(folder / file)
        for ours, (layer, *prelu) in names.items():
            parts = f"{ours}/weight", f"{ours}/bias"
            arrays |= zip(parts, layers.get(layer, []), strict=False)
            for name in prelu:
                arrays |= zip([f"{ours}/slope"], layers.get(name, []), strict=False)
    for name, shape in array_shapes(landmark_net=has_landmark_net).items():
        if name.endswith("/dense/weight") and name in arrays and arrays[name].shape == shape:
            arrays[name] = _channels_last(arrays[name])
    return arrays


def _read_layers(path: Path) -> dict[str, list[Float32Array]]:
    """Read each layer's arrays by layer name."""
    net = NetParameter()
    try:
        net.ParseFromString(path.read_bytes())
        return {layer.name: [_array(blob) for blob in layer.blobs] for layer in net.layer}
    except (OSError, DecodeError, ValueError) as error:
        raise InvalidModel(
            f"{path} is not a readable Caffe model: {error}; the folder must contain "
            f"{', '.join(_REQUIRED)}, and may contain {_LANDMARK_FILE}"
        ) from error


def _array(blob: BlobProto) -> Float32Array:
    """Read a blob; dense kernels, which Caffe stores as [out, in], become [in, out]."""
    array = np.array(blob.data, np.float32).reshape(blob.shape.dim)
    return np.ascontiguousarray(array.T) if array.ndim == _DENSE_RANK else array


def _channels_last(kernel: Float32Array) -> Float32Array:
    """Reorder the inputs of the layer that flattens maps, since Caffe has channels first."""
    inputs, outputs = kernel.shape
    maps = kernel.reshape(inputs // _MAP_SIDE**2, _MAP_SIDE, _MAP_SIDE, outputs)
    return maps.transpose(1, 2, 0, 3).reshape(inputs, outputs)
