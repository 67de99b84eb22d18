"""A backend that answers what it was told to, for tests of everything above the seam."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from facedetect.backends.base import ModelChoice, RawDetections
from facedetect.errors import BackendError, BackendTimeout
from facedetect.faces import DetectionParams, Face, ModelVersion
from facedetect.images import BGRImage


class FakeBackend:
    """Answers every image with the same faces, or raises the same error.

    `latency_s` is how long it takes; a deadline before that ends in BackendTimeout, as it would
    with a real model. `before_answer` is called on the way. `seen` holds the images and parameters
    of all calls, `choices` the versions they asked for.
    """

    def __init__(
        self,
        faces: Sequence[Face] = (),
        *,
        error: BackendError | None = None,
        latency_s: float = 0.0,
    ) -> None:
        self.error = error
        self.latency_s = latency_s
        self.before_answer: Callable[[], object] = lambda: None
        self.choices: list[ModelChoice | None] = []
        self.seen: list[tuple[BGRImage, DetectionParams]] = []
        self._answer = to_raw(faces, ModelVersion("fake", "1"))

    def predict(
        self,
        image: BGRImage,
        params: DetectionParams,
        *,
        deadline: float | None,
        choice: ModelChoice | None = None,
    ) -> RawDetections:
        self.choices.append(choice)
        self.seen.append((image, params))
        self.before_answer()
        if self.error is not None:
            raise self.error
        if deadline is not None and time.monotonic() + self.latency_s > deadline:
            time.sleep(max(0.0, deadline - time.monotonic()))
            raise BackendTimeout("the fake model did not answer before the deadline")
        time.sleep(self.latency_s)
        return self._answer

    def check_ready(self) -> ModelVersion:
        if self.error is not None:
            raise self.error
        return self._answer.model

    def close(self) -> None:
        pass


def to_raw(faces: Sequence[Face], model: ModelVersion) -> RawDetections:
    """Turn faces into the tensors a model would answer."""
    boxes = [(f.box.y_min, f.box.x_min, f.box.y_max, f.box.x_max) for f in faces]
    points = [list(face.landmarks) for face in faces]
    rows = [[p.y for p in row] + [p.x for p in row] for row in points]
    return RawDetections(
        prob=np.array([f.confidence for f in faces], np.float32),
        landmarks=np.array(rows, np.float32).reshape(-1, 10),
        box=np.array(boxes, np.float32).reshape(-1, 4),
        model=model,
    )
