"""The first call loads an in-process model, without cost to its deadline."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from facedetect.backends import InferenceRequest, base, in_process
from facedetect.backends.base import RawDetections
from facedetect.backends.in_process import InProcessBackend
from facedetect.errors import BackendTimeout
from facedetect.model_ref import ModelRef

MODEL = ModelRef("slow", 1)
NOTHING = RawDetections(
    np.zeros(0, np.float32), np.zeros((0, 10), np.float32), np.zeros((0, 4), np.float32), MODEL
)


class Clock:
    """A clock that tests advance."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


class TimedModel(SimpleNamespace):
    """Loads for a hundred seconds; records the time left for each call, and takes four of it."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(ref=MODEL, instruction_set=None, close=lambda: None, left_s=[])
        self._clock = clock

    def load(self) -> TimedModel:
        self._clock.now += 100
        return self

    def run(self, request: InferenceRequest) -> RawDetections:
        self.left_s.append(request.seconds_left())
        self._clock.now += 4
        return NOTHING


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (base, in_process):
        monkeypatch.setattr(module, "time", clock)
    return clock


def test_loading_takes_no_time_from_the_call_that_loads(clock: Clock) -> None:
    model = TimedModel(clock)
    backend = InProcessBackend("slow", model.load)
    image = np.zeros((9, 9, 3), np.uint8)
    backend.predict(InferenceRequest(image, deadline=clock.now + 10))
    backend.predict(InferenceRequest(image, deadline=clock.now + 10))
    backend.predict(InferenceRequest(image))
    assert model.left_s == [10, 10, None]
    with pytest.raises(BackendTimeout):
        backend.predict(InferenceRequest(image, deadline=clock.now))
