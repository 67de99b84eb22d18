"""A backend that calls a function instead of a model, to test everything above it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from facedetect.backends.base import InferenceRequest, RawDetections
from facedetect.faces import Face
from facedetect.model_ref import ModelRef

_MODEL = ModelRef("fake", 1)

Respond = Callable[[InferenceRequest], Sequence[Face]]


class FakeBackend:
    """Answers each request with the faces that `respond` returns, or the error it raises.

        backend = FakeBackend(lambda request: [face])

    `ready` returns the model or raises BackendUnavailable. Both functions may be replaced at any
    time. `requests` records all requests so far.
    """

    instruction_set: str | None = None

    def __init__(
        self, respond: Respond = lambda _: (), ready: Callable[[], ModelRef] = lambda: _MODEL
    ) -> None:
        self.respond = respond
        self.ready = ready
        self.requests: list[InferenceRequest] = []

    def predict(self, request: InferenceRequest) -> RawDetections:
        self.requests.append(request)
        request.seconds_left()
        return to_raw_detections(self.respond(request), _MODEL)

    def check_ready(self) -> ModelRef:
        return self.ready()

    def close(self) -> None:
        pass


def to_raw_detections(faces: Sequence[Face], model: ModelRef) -> RawDetections:
    """Convert faces to the tensors that a model would return."""
    boxes = [(f.box.y_min, f.box.x_min, f.box.y_max, f.box.x_max) for f in faces]
    points = [list(face.landmarks) for face in faces]
    rows = [[p.y for p in row] + [p.x for p in row] for row in points]
    return RawDetections(
        prob=np.array([f.confidence for f in faces], np.float32),
        landmarks=np.array(rows, np.float32).reshape(-1, 10),
        box=np.array(boxes, np.float32).reshape(-1, 4),
        model=model,
    )
