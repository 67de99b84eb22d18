"""What every backend does alike, whatever runs the model."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from facedetect import DetectionParams
from facedetect.backends import Backend, open_backend
from facedetect.backends.fake import FakeBackend
from facedetect.errors import BackendTimeout
from facedetect.images import BGRImage
from tests.conftest import face_at

PARAMS = DetectionParams()

MAKERS: dict[str, Callable[[], Backend]] = {
    "fake": lambda: FakeBackend([face_at(10, 5, side=20, confidence=0.9)]),
    "embedded": lambda: open_backend("embedded:"),
}


@pytest.fixture(scope="module", params=MAKERS)
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    backend = MAKERS[request.param]()
    yield backend
    backend.close()


def test_one_face_is_three_tensors(backend: Backend, astronaut: BGRImage) -> None:
    raw = backend.predict(astronaut, PARAMS, deadline=None)
    assert raw.prob.shape == (1,)
    assert raw.landmarks.shape == (1, 10)
    assert raw.box.shape == (1, 4)
    assert all(array.dtype == np.float32 for array in (raw.prob, raw.landmarks, raw.box))


def test_the_answer_names_the_model_that_is_ready(backend: Backend, astronaut: BGRImage) -> None:
    raw = backend.predict(astronaut, PARAMS, deadline=None)
    assert backend.check_ready() == raw.model


def test_calls_side_by_side_answer_as_one_after_the_other(
    backend: Backend, astronaut: BGRImage
) -> None:
    images = [astronaut[: 300 + 20 * n] for n in range(8)]
    one_by_one = [backend.predict(image, PARAMS, deadline=None) for image in images]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda i: backend.predict(i, PARAMS, deadline=None), images))
    for alone, beside in zip(one_by_one, together, strict=True):
        assert np.array_equal(alone.box, beside.box)
        assert np.array_equal(alone.prob, beside.prob)


def test_a_deadline_that_has_passed_is_a_timeout(backend: Backend, astronaut: BGRImage) -> None:
    with pytest.raises(BackendTimeout):
        backend.predict(astronaut, PARAMS, deadline=time.monotonic() - 1)
    assert len(backend.predict(astronaut, PARAMS, deadline=time.monotonic() + 60).prob) == 1
