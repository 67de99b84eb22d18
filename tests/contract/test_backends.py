"""What all backends have in common, whatever runs the model."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from facedetect import DetectionParams, Detector
from facedetect.backends import Backend, InferenceRequest
from facedetect.errors import BackendTimeout, ModelNotFound
from facedetect.images import BGRImage
from facedetect.model_ref import ModelRef

PARAMS = DetectionParams()
STRICT = DetectionParams(min_size=40, thresholds=(0.5, 0.6, 0.9))


def test_one_face_is_three_tensors(backend: Backend, astronaut: BGRImage) -> None:
    raw = backend.predict(InferenceRequest(astronaut))
    assert raw.prob.shape == (1,)
    assert raw.landmarks.shape == (1, 10)
    assert raw.box.shape == (1, 4)
    assert all(array.dtype == np.float32 for array in (raw.prob, raw.landmarks, raw.box))


def test_the_answer_names_the_model_that_is_ready(backend: Backend, astronaut: BGRImage) -> None:
    raw = backend.predict(InferenceRequest(astronaut))
    assert backend.check_ready() == raw.model


def test_calls_side_by_side_answer_as_one_after_the_other(
    backend: Backend, astronaut: BGRImage
) -> None:
    images = [astronaut[: 300 + 20 * n] for n in range(8)]
    one_by_one = [backend.predict(InferenceRequest(image)) for image in images]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda i: backend.predict(InferenceRequest(i)), images))
    for alone, beside in zip(one_by_one, together, strict=True):
        assert np.array_equal(alone.box, beside.box)
        assert np.array_equal(alone.prob, beside.prob)


def test_a_deadline_that_has_passed_is_a_timeout(backend: Backend, astronaut: BGRImage) -> None:
    with pytest.raises(BackendTimeout):
        backend.predict(InferenceRequest(astronaut, PARAMS, time.monotonic() - 1))
    in_time = InferenceRequest(astronaut, PARAMS, time.monotonic() + 600)
    assert len(backend.predict(in_time).prob) == 1


def test_a_turned_picture_is_searched_in_every_view(
    model_backend: Backend, astronaut: BGRImage
) -> None:
    params = DetectionParams(rotations="auto", looks=2)
    detector = Detector(model_backend)  # not closed: the backend is not its own
    on_its_side = np.ascontiguousarray(np.rot90(astronaut, -1))
    (face,) = detector.detect(on_its_side, params)
    (upright,) = detector.detect(astronaut, DetectionParams(looks=2))
    assert face.roll_deg == pytest.approx(upright.roll_deg + 90, abs=0.5)
    assert face.box.x_max == pytest.approx(512 - upright.box.y_min, abs=0.5)
    assert face.box.y_min == pytest.approx(upright.box.x_min, abs=0.5)


def test_no_face_and_odd_shapes_are_empty(model_backend: Backend) -> None:
    for shape in [(1, 1, 3), (11, 11, 3), (1, 3000, 3), (200, 300, 3)]:
        raw = model_backend.predict(InferenceRequest(np.zeros(shape, np.uint8)))
        assert (raw.prob.shape, raw.landmarks.shape, raw.box.shape) == ((0,), (0, 10), (0, 4))


@pytest.mark.parametrize("params", [PARAMS, STRICT], ids=["defaults", "strict"])
def test_the_graph_answers_bit_for_bit_alike_wherever_it_runs(
    server_backend: Backend, saved_model_backend: Backend, group: BGRImage, params: DetectionParams
) -> None:
    request = InferenceRequest(group, params)
    expected, raw = saved_model_backend.predict(request), server_backend.predict(request)
    assert len(raw.prob) > 1
    assert np.array_equal(raw.prob, expected.prob)
    assert np.array_equal(raw.box, expected.box)
    assert np.array_equal(raw.landmarks, expected.landmarks)


def test_a_version_that_is_not_there_is_not_found(
    model_backend: Backend, astronaut: BGRImage
) -> None:
    for model in (ModelRef(version=99), ModelRef(label="canary")):
        with pytest.raises(ModelNotFound):
            model_backend.predict(InferenceRequest(astronaut, model=model))
    version = model_backend.check_ready().version
    chosen = ModelRef(version=version)
    assert len(model_backend.predict(InferenceRequest(astronaut, model=chosen)).prob) == 1
