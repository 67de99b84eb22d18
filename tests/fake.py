"""Functions for the fake backend: answers, failures and delays."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Never

from facedetect.backends.base import InferenceRequest
from facedetect.backends.fake import FakeBackend, Respond
from facedetect.errors import BackendTimeout
from facedetect.faces import Face
from facedetect.model_ref import ModelRef

FAKE_MODEL = ModelRef("fake", 1)


def finding(*faces: Face) -> FakeBackend:
    """A backend that finds these faces in each image."""
    return FakeBackend(lambda _: faces)


def failing(error: Exception) -> FakeBackend:
    """A backend that raises the error, and is not ready for the same reason."""
    return FakeBackend(raising(error), raising(error))


def recover(backend: FakeBackend) -> None:
    """Make a failing backend work from now on."""
    backend.respond = lambda _: ()
    backend.ready = lambda: FAKE_MODEL


def raising(error: Exception) -> Callable[..., Never]:
    def fail(*_: object) -> Never:
        raise error

    return fail


def slow(latency_s: float) -> Respond:
    """Take `seconds`, or until the deadline, as a real model would."""

    def respond(request: InferenceRequest) -> Sequence[Face]:
        left_s = request.seconds_left()
        if left_s is not None and left_s < latency_s:
            time.sleep(left_s)
            raise BackendTimeout("the fake model did not answer before the deadline")
        time.sleep(latency_s)
        return ()

    return respond


def after(action: Callable[[], Any], respond: Respond = lambda _: ()) -> Respond:
    """Call `act` before answering; then check the deadline."""

    def act_and_respond(request: InferenceRequest) -> Sequence[Face]:
        action()
        request.seconds_left()
        return respond(request)

    return act_and_respond
