"""Behaviour of both in-process backends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from facedetect import DetectionParams
from facedetect.backends import Backend, InferenceRequest
from facedetect.errors import BackendTimeout
from facedetect.images import BGRImage
from tests.contract.conftest import opened


@pytest.fixture(params=["embedded", "savedmodel"])
def in_process_backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with opened(request.param, request) as backend:
        yield backend


def test_a_deadline_stops_the_work_and_the_next_call_is_right(
    in_process_backend: Backend, astronaut: BGRImage
) -> None:
    backend = in_process_backend
    expected = backend.predict(InferenceRequest(astronaut))
    large, params = np.tile(astronaut, (3, 3, 1)), DetectionParams(min_size=8)
    with ThreadPoolExecutor(1) as pool:
        unhurried = pool.submit(backend.predict, InferenceRequest(large, params))
        with pytest.raises(BackendTimeout):
            backend.predict(InferenceRequest(large, params, time.monotonic() + 0.05))
        assert not unhurried.done(), "it began the same work before"
    again = backend.predict(InferenceRequest(astronaut))
    assert np.array_equal(again.box, expected.box)
