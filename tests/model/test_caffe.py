"""Caffe model files: the author's if available, and generated ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer
from numpy.typing import NDArray
from safetensors.numpy import load_file

from facedetect.cli.freeze_command import freeze as freeze_command
from facedetect.errors import InvalidModel, InvalidSettings
from facedetect.model.caffe import read_caffe
from facedetect.model.caffe_pb2 import BlobProto, BlobShape, LayerParameter, NetParameter
from facedetect.model.freeze import freeze
from facedetect.mtcnn.weights import array_shapes, default_weights_path
from tests.conftest import optional_folder

Arrays = dict[str, NDArray[np.float32]]
Layers = RepeatedCompositeFieldContainer[LayerParameter]

# By file: our layer, the author's, and the PReLU behind it.
LAYERS = {
    "det1.caffemodel": [
        ("pnet/conv1", "conv1", "PReLU1"),
        ("pnet/conv2", "conv2", "PReLU2"),
        ("pnet/conv3", "conv3", "PReLU3"),
        ("pnet/face", "conv4-1", None),
        ("pnet/box", "conv4-2", None),
    ],
    "det2.caffemodel": [
        ("rnet/conv1", "conv1", "prelu1"),
        ("rnet/conv2", "conv2", "prelu2"),
        ("rnet/conv3", "conv3", "prelu3"),
        ("rnet/dense", "conv4", "prelu4"),
        ("rnet/face", "conv5-1", None),
        ("rnet/box", "conv5-2", None),
    ],
    "det3.caffemodel": [
        ("onet/conv1", "conv1", "prelu1"),
        ("onet/conv2", "conv2", "prelu2"),
        ("onet/conv3", "conv3", "prelu3"),
        ("onet/conv4", "conv4", "prelu4"),
        ("onet/dense", "conv5", "prelu5"),
        ("onet/face", "conv6-1", None),
        ("onet/box", "conv6-2", None),
        ("onet/landmarks", "conv6-3", None),
    ],
    "det4.caffemodel": [
        *((f"lnet/conv{i}_{k}", f"conv{i}_{k}", f"prelu{i}_{k}") for k in "12345" for i in "123"),
        ("lnet/dense", "fc4", "prelu4"),
        *((f"lnet/dense_{k}", f"fc4_{k}", f"prelu4_{k}") for k in "12345"),
        *((f"lnet/point_{k}", f"fc5_{k}", None) for k in "12345"),
    ],
}


def all_arrays() -> Arrays:
    """The package's own weights, and a fourth net of random ones."""
    generator = np.random.default_rng(2)
    own = load_file(default_weights_path())
    shapes = array_shapes(landmark_net=True).items()
    return {
        name: own[name] if name in own else generator.normal(size=shape).astype(np.float32)
        for name, shape in shapes
    }


def write_caffe(folder: Path, arrays: Arrays) -> Path:
    """The arrays as Caffe keeps them, between layers that hold none."""
    for file, layers in LAYERS.items():
        net = NetParameter(layer=[LayerParameter(name="data")])
        for ours, theirs, prelu in layers:
            kernel = caffe_kernel(ours, arrays[f"{ours}/weight"])
            add_layer(net, theirs, kernel, arrays[f"{ours}/bias"])
            if prelu is not None:
                add_layer(net, prelu, arrays[f"{ours}/slope"])
        net.layer.add(name="loss1")
        (folder / file).write_bytes(net.SerializeToString())
    return folder


def caffe_kernel(name: str, kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    if kernel.ndim == 4:
        return kernel
    if not name.endswith("/dense"):
        return kernel.T
    inputs, outputs = kernel.shape
    by_place = kernel.reshape(3, 3, inputs // 9, outputs)
    return by_place.transpose(3, 2, 0, 1).reshape(outputs, inputs)


def add_layer(net: NetParameter, name: str, *arrays: NDArray[np.float32]) -> None:
    blobs = [BlobProto(shape=BlobShape(dim=a.shape), data=a.ravel()) for a in arrays]
    net.layer.add(name=name, blobs=blobs)


def assert_equal(read: Arrays, expected: Arrays) -> None:
    assert read.keys() == expected.keys()
    for name, array in expected.items():
        assert read[name].dtype == array.dtype
        assert np.array_equal(read[name], array), name


def test_every_array_is_read_bit_for_bit(tmp_path: Path) -> None:
    arrays = all_arrays()
    assert_equal(dict(read_caffe(write_caffe(tmp_path, arrays))), arrays)


def test_three_files_are_the_three_nets_and_the_same_graph(frozen: Path, tmp_path: Path) -> None:
    (write_caffe(tmp_path, all_arrays()) / "det4.caffemodel").unlink()
    assert_equal(dict(read_caffe(tmp_path)), load_file(default_weights_path()))
    freeze_command(tmp_path / "mtcnn.pb", caffe=tmp_path)
    assert (tmp_path / "mtcnn.pb").read_bytes() == frozen.read_bytes()


def test_the_authors_own_files_hold_the_packages_weights() -> None:
    read = read_caffe(optional_folder("reference", "FACEDETECT_REFERENCE_DIR"))
    own = load_file(default_weights_path())
    assert_equal({name: read[name] for name in own}, own)
    shapes = {name: array.shape for name, array in read.items()}
    assert shapes == array_shapes(landmark_net=True)


def remove_conv2(layers: Layers) -> None:
    del layers[3]


def remove_bias(layers: Layers) -> None:
    del layers[1].blobs[1]


def turn_kernel(layers: Layers) -> None:
    layers[1].blobs[0].shape.dim[:] = [3, 10, 3, 3]


def turn_dense_kernel(layers: Layers) -> None:
    (layer,) = (layer for layer in layers if layer.name == "conv4")
    layer.blobs[0].shape.dim[:] = [576, 128]


def remove_values(layers: Layers) -> None:
    del layers[1].blobs[0].data[100:]


@pytest.mark.parametrize(
    ("file", "damage", "message"),
    [
        (1, remove_conv2, r"pnet/conv2/weight in .* is missing; it must be .* \[16, 10, 3, 3\]"),
        (1, remove_bias, r"pnet/conv1/bias in .* is missing; it must be float32 \[10\]"),
        (1, turn_kernel, r"pnet/conv1/weight in .* is float32 \[3, 10, 3, 3\]; it must be float32"),
        (2, turn_dense_kernel, r"rnet/dense/weight in .* is float32 \[128, 576\]; it must be"),
        (1, remove_values, r"det1\.caffemodel is not a readable Caffe model: cannot reshape"),
    ],
)
def test_other_nets_are_rejected(
    file: int, damage: Callable[[Layers], None], message: str, tmp_path: Path
) -> None:
    path = write_caffe(tmp_path, all_arrays()) / f"det{file}.caffemodel"
    net = NetParameter.FromString(path.read_bytes())
    damage(net.layer)
    path.write_bytes(net.SerializeToString())
    with pytest.raises(InvalidModel, match=message):
        freeze(tmp_path / "mtcnn.pb", caffe=tmp_path)


def test_files_that_are_no_caffe_models_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(InvalidModel, match=r"the folder must contain det1\.caffemodel, det2"):
        read_caffe(tmp_path)
    write_caffe(tmp_path, all_arrays())
    (tmp_path / "det4.caffemodel").write_text("<html>Not found</html>")
    with pytest.raises(InvalidModel, match=r"det4\.caffemodel is not a readable Caffe model"):
        read_caffe(tmp_path)


def test_weights_come_from_one_place(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="weights and caffe cannot be combined"):
        freeze(tmp_path / "mtcnn.pb", weights=default_weights_path(), caffe=tmp_path)
