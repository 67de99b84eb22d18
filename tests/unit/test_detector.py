from __future__ import annotations

import time

import numpy as np
import pytest

from facedetect import DetectionParams, Detector, ImageLimits
from facedetect.backends import RawDetections
from facedetect.backends.fake import FakeBackend
from facedetect.errors import (
    BackendProtocolError,
    BackendTimeout,
    BackendUnavailable,
    ImageTooLarge,
    InvalidParams,
    InvalidSettings,
)
from facedetect.faces import Face
from facedetect.images import BGRImage
from facedetect.model_ref import ModelRef
from tests.conftest import ASTRONAUT, face_at
from tests.fake import failing, finding, slow


def test_faces_come_back_as_the_model_gave_them(noise: BGRImage, a_face: Face) -> None:
    (found,) = Detector(finding(a_face)).detect(noise)
    assert found.confidence == pytest.approx(0.9)
    assert (found.box.x_min, found.box.y_min) == (10, 5)
    assert (found.box.width, found.box.height, found.box.area) == (20, 20, 400)
    assert (found.landmarks.left_eye.x, found.landmarks.left_eye.y) == (16, 13)
    assert [point.x for point in found.landmarks] == [16, 24, 20, 17, 23]


def test_no_face_is_an_empty_list(noise: BGRImage) -> None:
    assert Detector(FakeBackend()).detect(noise) == []


def test_most_certain_face_comes_first(noise: BGRImage) -> None:
    scores = [0.7, 0.95, 0.8]
    faces = [face_at(5 * n, 0, side=10, confidence=score) for n, score in enumerate(scores)]
    found = Detector(finding(*faces)).detect(noise)
    assert [round(face.confidence, 3) for face in found] == [0.95, 0.8, 0.7]


def test_max_faces_keeps_the_largest(noise: BGRImage) -> None:
    small, large = (
        face_at(0, 0, side=10, confidence=0.99),
        face_at(20, 0, side=30, confidence=0.7),
    )
    (found,) = Detector(finding(small, large)).detect(noise, max_faces=1)
    assert found.box.width == 30


def test_boxes_end_at_the_edges_of_the_image(noise: BGRImage) -> None:
    over_the_edge = face_at(-5, 30, side=20, confidence=0.9)
    outside = face_at(100, 100, side=20, confidence=0.9)
    (found,) = Detector(finding(over_the_edge, outside)).detect(noise)
    box = found.box
    assert (box.x_min, box.y_min, box.x_max, box.y_max) == (0, 30, 15, 40)


def test_parameters_and_upright_image_reach_the_backend(noise: BGRImage) -> None:
    backend = FakeBackend()
    params = DetectionParams(min_size=30, factor=0.8, thresholds=(0.5, 0.6, 0.7))
    Detector(backend).detect(noise, params)
    (request,) = backend.requests
    assert np.array_equal(request.image, noise)
    assert request.params == params


def test_too_much_work_never_reaches_the_backend(noise: BGRImage) -> None:
    backend = FakeBackend()
    with pytest.raises(InvalidParams, match="use min_size"):
        Detector(backend, max_pyramid_pixels=100).detect(noise)
    assert not backend.requests


def test_limits_hold_for_files() -> None:
    with pytest.raises(ImageTooLarge):
        Detector(FakeBackend(), limits=ImageLimits(max_pixels=100)).detect(ASTRONAUT)


def test_timeout_ends_a_call(noise: BGRImage) -> None:
    with pytest.raises(BackendTimeout):
        Detector(FakeBackend(slow(30)), timeout_s=0.05).detect(noise)


def test_the_timeout_begins_with_the_call(noise: BGRImage) -> None:
    backend = FakeBackend()
    before = time.monotonic()
    Detector(backend, timeout_s=600).detect(noise)
    after = time.monotonic()
    (request,) = backend.requests
    assert request.deadline is not None
    assert before + 600 <= request.deadline <= after + 600


def test_errors_of_the_backend_pass_through(noise: BGRImage) -> None:
    with pytest.raises(BackendUnavailable, match="down"):
        Detector(failing(BackendUnavailable("down"))).detect(noise)


@pytest.mark.parametrize(
    ("prob", "landmarks", "box"),
    [((2,), (2, 10), (1, 4)), ((2,), (2, 5), (2, 4)), ((2, 1), (2, 10), (2, 4))],
)
def test_answers_of_the_wrong_shape_are_refused(
    prob: tuple[int, ...], landmarks: tuple[int, ...], box: tuple[int, ...]
) -> None:
    arrays = (np.zeros(shape, np.float32) for shape in (prob, landmarks, box))
    with pytest.raises(BackendProtocolError, match="with shapes"):
        RawDetections(next(arrays), next(arrays), next(arrays), ModelRef("m", 1))


def test_answers_that_are_not_finite_are_refused() -> None:
    box = np.full((1, 4), np.nan, np.float32)
    with pytest.raises(BackendProtocolError, match="not finite"):
        RawDetections(np.ones(1, np.float32), np.ones((1, 10), np.float32), box, ModelRef("m"))


@pytest.mark.parametrize(
    "url",
    [
        "models/mtcnn",
        "ftp://host/model",
        "embedded:?label=a",
        "savedmodel:m?inter_op_threads=0",
        "embedded://mtcnn",
        "embedded:1#x",
        "savedmodel:m?version=x",
        "savedmodel:m?version=",
    ],
)
def test_backend_urls_that_cannot_be_right_are_refused(url: str) -> None:
    with pytest.raises(InvalidSettings, match="the backend"):
        Detector(url)
