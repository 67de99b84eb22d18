"""The fourth net: its outputs, its patches, and the landmarks it refines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from safetensors.numpy import load_file, save_file

from facedetect import DetectionParams
from facedetect.arrays import Float32Array
from facedetect.errors import InvalidModel
from facedetect.images import BGRImage
from facedetect.model.caffe import read_caffe
from facedetect.model.freeze import freeze
from facedetect.model.landmark_net import LandmarkNet, cut_patches, refine_landmarks
from facedetect.mtcnn.weights import arrange, array_shapes, default_weights_path, load_weights
from tests.conftest import optional_folder
from tests.model import plain_nets
from tests.model.graphs import FrozenGraph

Arrays = dict[str, Float32Array]


def random_arrays() -> Arrays:
    """All weights: the package's own, and a fourth net of random ones that keep values small."""
    generator = np.random.default_rng(5)
    arrays: Arrays = dict(load_file(default_weights_path()))
    for name, shape in array_shapes(landmark_net=True).items():
        if not name.startswith("lnet/"):
            continue
        if name.endswith("/slope"):
            highest = 3 if "/conv1" in name else 1
            arrays[name] = generator.uniform(-1, highest, shape).astype(np.float32)
        else:
            spread = 0.5 if len(shape) == 1 else np.prod(shape) ** -0.25
            arrays[name] = generator.normal(0, spread, shape).astype(np.float32)
    return arrays


def constant_arrays(positions_xy: list[tuple[float, float]]) -> Arrays:
    """A fourth net that gives the same positions for every patch."""
    arrays = {
        name: np.zeros_like(array) if name.startswith("lnet/") else array
        for name, array in random_arrays().items()
    }
    for number, position in enumerate(positions_xy, 1):
        arrays[f"lnet/point_{number}/bias"] = np.array(position, np.float32)
    return arrays


def landmark_net(arrays: Arrays) -> LandmarkNet:
    net = arrange(arrays, Path("made here")).lnet
    assert net is not None
    return LandmarkNet(net)


def test_it_equals_the_plain_net(astronaut: BGRImage) -> None:
    places = np.random.default_rng(3).integers(0, 488, (5 * 8, 2))
    crops = [astronaut[top : top + 24, left : left + 24] for top, left in places]
    patches = np.stack(crops, dtype=np.float32).reshape(5, 8, 24, 24, 3)
    arrays = random_arrays()
    ours = landmark_net(arrays)(tf.constant(patches)).numpy()
    plain = plain_nets.lnet(arrays, patches)
    assert ours.shape == plain.shape == (8, 10)
    assert np.ptp(plain, axis=0).min() > 0.1, "every output depends on the patches"
    assert np.abs(ours - plain).max() < 1e-4 * np.abs(plain).max()


def test_a_patch_has_its_landmark_a_quarter_of_its_pixel_off_the_middle() -> None:
    """On an image whose pixels tell their places: y in the first channel, x in the second."""
    y, x = np.mgrid[:60, :90].astype(np.float32)
    image = np.stack([y, x, np.zeros_like(x)], axis=2)
    points_yx = np.array([[30, 20.5, 31, 40, 42], [35, 50, 42.25, 36, 49]], np.float32)
    side = 12.0
    patches = cut_patches(
        tf.constant(image[np.newaxis]),
        tf.constant(points_yx.reshape(1, 10)),
        tf.constant([[side]]),
    ).numpy()
    assert patches.shape == (5, 1, 24, 24, 3)
    for number in range(5):
        pixels = (np.arange(24) + 0.25) * side / 24 - side / 2  # from the landmark
        top_down, left_right = points_yx[:, number, np.newaxis] - 0.5 + pixels
        expected = np.broadcast_to(top_down[:, np.newaxis], (24, 24))
        np.testing.assert_allclose(patches[number, 0, :, :, 0], expected, atol=1e-4)
        expected = np.broadcast_to(left_right, (24, 24))
        np.testing.assert_allclose(patches[number, 0, :, :, 1], expected, atol=1e-4)


def test_patches_are_grey_outside_of_the_image() -> None:
    image = tf.zeros([1, 40, 40, 3])
    patches = cut_patches(image, tf.constant([[0.0] * 5 + [20.0] * 5]), tf.constant([[10.0]]))
    assert np.all(patches[:, 0, :12] == 127.5)
    assert np.all(patches[:, 0, 13:] == 0)


def test_landmarks_move_by_parts_of_the_patch_but_not_far() -> None:
    positions_xy = [(0.6, 0.3), (0.5, 0.5), (0.84, 0.16), (0.86, 0.5), (0.5, 0.14)]
    net = landmark_net(constant_arrays(positions_xy))
    boxes = np.array([[10, 10, 90, 50]] * 9, np.float32)
    landmarks = np.tile(np.arange(10, 60, 5, dtype=np.float32), (9, 1))
    refined = refine_landmarks(
        net, tf.zeros([100, 100, 3]), tf.constant(boxes), tf.constant(landmarks)
    ).numpy()
    moves_yx = [-0.2, 0, -0.34, 0, 0, 0.1, 0, 0.34, 0, 0]  # the last two points would go too far
    expected = landmarks + 20 * np.array(moves_yx, np.float32)  # the patches' side is 80 / 4
    np.testing.assert_allclose(refined, expected, atol=1e-4)


def test_the_cascade_refines_its_landmarks_and_nothing_else(
    our_graph: FrozenGraph, astronaut: BGRImage, tmp_path: Path
) -> None:
    save_file(constant_arrays([(0.75, 0.5)] * 5), tmp_path / "four.safetensors")
    freeze(tmp_path / "four.pb", weights=tmp_path / "four.safetensors")
    graph = FrozenGraph(tmp_path / "four.pb")
    refined = graph.detect(astronaut, DetectionParams())
    assert graph.detect(np.zeros_like(astronaut), DetectionParams())["landmarks"].shape == (0, 10)
    graph.close()
    plain = our_graph.detect(astronaut, DetectionParams())
    assert len(plain["prob"]) > 0
    assert np.array_equal(refined["prob"], plain["prob"])
    assert np.array_equal(refined["box"], plain["box"])
    sides = (plain["box"][:, 2:] - plain["box"][:, :2]).max(axis=1, keepdims=True) / 4
    moves = np.concatenate([0 * sides, 0.25 * sides], axis=1).repeat(5, axis=1)
    np.testing.assert_allclose(refined["landmarks"], plain["landmarks"] + moves, atol=1e-3)


def test_half_a_landmark_net_is_rejected(tmp_path: Path) -> None:
    arrays = random_arrays()
    del arrays["lnet/dense_3/slope"]
    save_file(arrays, tmp_path / "half.safetensors")
    with pytest.raises(InvalidModel, match=r"lnet/dense_3/slope in .* is missing"):
        load_weights(tmp_path / "half.safetensors")


@pytest.fixture(scope="module")
def author_net() -> LandmarkNet:
    folder = optional_folder("reference", "FACEDETECT_REFERENCE_DIR")
    return landmark_net(dict(read_caffe(folder)))


def test_the_authors_net_finds_landmarks_from_places_around_them(
    author_net: LandmarkNet, our_graph: FrozenGraph, astronaut: BGRImage
) -> None:
    found = our_graph.detect(astronaut, DetectionParams())
    image, boxes = tf.constant(astronaut.astype(np.float32)), tf.constant(found["box"][:1])
    (refined,) = refine_landmarks(author_net, image, boxes, found["landmarks"][:1]).numpy()
    errors = []
    for y, x in ((-3, -3), (-3, 3), (3, -3), (3, 3)):
        start = refined + np.repeat(np.array([y, x], np.float32), 5)
        (again,) = refine_landmarks(author_net, image, boxes, start[np.newaxis]).numpy()
        errors.append(np.abs(again - refined).mean())
    assert np.mean(errors) < 1, "of 3 px each, most is made good"


def test_the_authors_net_is_not_shifted_to_one_side(
    author_net: LandmarkNet, our_graph: FrozenGraph, astronaut: BGRImage, grace_hopper: BGRImage
) -> None:
    """In mirrored images it finds the mirrored landmarks, on the average."""
    distances = []
    for image in (astronaut, grace_hopper):
        width = image.shape[1]
        found = our_graph.detect(image, DetectionParams())
        boxes, landmarks = found["box"][:1], found["landmarks"][:1]
        upright = tf.constant(image.astype(np.float32))
        (ours,) = refine_landmarks(author_net, upright, boxes, landmarks).numpy()
        (theirs,) = refine_landmarks(
            author_net, upright[:, ::-1], _mirror_boxes(boxes, width), _mirror(landmarks, width)
        ).numpy()
        (back,) = _mirror(theirs[np.newaxis], width)
        distances.append((ours - back)[5:].mean() / np.ptp(boxes))
    assert np.abs(np.mean(distances)) < 0.002


def test_averaged_landmarks_of_a_mirrored_image_are_the_mirrored_ones(astronaut: BGRImage) -> None:
    """For any weights: the net runs on both images and their mirror images."""
    arrays = random_arrays()
    for name in arrays:
        if name.startswith("lnet/point_"):  # small moves: large ones are not made
            arrays[name] = arrays[name] * 0.02 + (0.5 if name.endswith("bias") else 0)
    net = landmark_net(arrays)
    width = astronaut.shape[1]
    image = tf.constant(astronaut.astype(np.float32))
    boxes = np.array([[60, 180, 175, 268], [70, 200, 150, 250]], np.float32)
    ys, xs = [100, 104, 127, 139, 141], [204, 246, 225, 202, 244]
    landmarks = np.array([ys + xs, ys + xs], np.float32)
    ours = refine_landmarks(net, image, boxes, landmarks, averages=True).numpy()
    theirs = refine_landmarks(
        net,
        image[:, ::-1],
        _mirror_boxes(boxes, width),
        _mirror(landmarks, width),
        averages=True,
    ).numpy()
    np.testing.assert_allclose(_mirror(theirs, width), ours, atol=1e-2)
    assert np.abs(ours - landmarks).max() > 0.5, "they were moved"
    plain = refine_landmarks(net, image, boxes, landmarks).numpy()
    assert np.abs(ours - plain).max() > 0.1


_OTHER_SIDE = [1, 0, 2, 4, 3]


def _mirror(landmarks: Float32Array, width: int) -> Float32Array:
    y, x = landmarks[:, :5], landmarks[:, 5:]
    return np.concatenate([y[:, _OTHER_SIDE], width - x[:, _OTHER_SIDE]], axis=1)


def _mirror_boxes(boxes: Float32Array, width: int) -> Float32Array:
    return np.stack([boxes[:, 0], width - boxes[:, 3], boxes[:, 2], width - boxes[:, 1]], axis=1)
