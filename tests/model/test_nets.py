"""The nets, rewritten for speed, equal the plain nets."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from safetensors.numpy import load_file, save_file

from facedetect.arrays import Float32Array
from facedetect.images import BGRImage
from facedetect.model.nets import ONet, PNet, RNet
from facedetect.mtcnn.weights import default_weights_path, load_weights
from tests.model import plain_nets
from tests.model.plain_nets import Arrays


@pytest.fixture(scope="module")
def arrays() -> Arrays:
    return load_file(default_weights_path())


def crops(image: BGRImage, side: int, count: int) -> Float32Array:
    """Parts of the photograph, of faces and of anything else."""
    places = np.random.default_rng(3).integers(0, 512 - side, (count, 2))
    return np.stack(
        [image[top : top + side, left : left + side] for top, left in places], dtype=np.float32
    )


@pytest.mark.parametrize("shape", [(12, 12), (13, 17), (60, 45), (101, 200)])
def test_pnet(arrays: Arrays, astronaut: BGRImage, shape: tuple[int, int]) -> None:
    height, width = shape
    image = astronaut[80 : 80 + height, 120 : 120 + width].astype(np.float32)
    net = PNet(load_weights().pnet)
    features = net.features(tf.constant(image[np.newaxis]))
    logits, offsets = plain_nets.pnet(arrays, image)
    assert logits.shape == (height // 2 - 5, width // 2 - 5)
    close(net.face_logits(features).numpy().reshape(logits.shape), logits)
    close(net.box_offsets(features).numpy().reshape(offsets.shape), offsets)


def test_rnet(arrays: Arrays, astronaut: BGRImage) -> None:
    images = crops(astronaut, 24, 50)
    close(RNet(load_weights().rnet)(tf.constant(images)).numpy(), plain_nets.rnet(arrays, images))


def test_onet(arrays: Arrays, astronaut: BGRImage) -> None:
    images = crops(astronaut, 48, 20)
    close(ONet(load_weights().onet)(tf.constant(images)).numpy(), plain_nets.onet(arrays, images))


def close(ours: Float32Array, plain: Float32Array) -> None:
    assert ours.shape == plain.shape
    assert np.abs(ours - plain).max() < 2e-4


@pytest.mark.parametrize("net", ["pnet", "rnet", "onet"])
def test_any_slope_is_rewritten_exactly(
    arrays: Arrays, astronaut: BGRImage, net: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """With slopes of every sign and size in the first layer, not just the author's."""
    generator = np.random.default_rng(11)
    changed = dict(arrays)
    slopes = arrays[f"{net}/conv1/slope"]
    changed[f"{net}/conv1/slope"] = generator.uniform(-2, 3, slopes.shape).astype(np.float32)
    path = tmp_path_factory.mktemp("weights") / "changed.safetensors"
    save_file(changed, path)
    weights = load_weights(path)
    if net == "pnet":
        image = astronaut[80:140, 120:200].astype(np.float32)
        features = PNet(weights.pnet).features(tf.constant(image[np.newaxis]))
        logits, _ = plain_nets.pnet(changed, image)
        ours, plain = PNet(weights.pnet).face_logits(features).numpy(), logits.ravel()
    elif net == "rnet":
        images = crops(astronaut, 24, 10)
        ours, plain = (
            RNet(weights.rnet)(tf.constant(images)).numpy(),
            plain_nets.rnet(changed, images),
        )
    else:
        images = crops(astronaut, 48, 10)
        ours, plain = (
            ONet(weights.onet)(tf.constant(images)).numpy(),
            plain_nets.onet(changed, images),
        )
    assert np.abs(ours - plain).max() < 1e-4 * max(1.0, float(np.abs(plain).max()))
