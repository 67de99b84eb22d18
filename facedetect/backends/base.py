"""The interface of backends: an image and parameters in, raw tensors out."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from facedetect.arrays import Float32Array
from facedetect.detection_params import DetectionParams
from facedetect.errors import BackendProtocolError, unfinished_error
from facedetect.images import BGRImage
from facedetect.model_ref import ModelRef


@dataclass(frozen=True, eq=False)
class InferenceRequest:
    """One image to run the model on.

    `image` is uint8 BGR, [height, width, 3]. `deadline` is a time of `time.monotonic`; None uses
    the backend's own timeout. `model` selects another version than the backend's default.
    """

    image: BGRImage
    params: DetectionParams = field(default_factory=DetectionParams)
    deadline: float | None = None
    model: ModelRef = field(default_factory=ModelRef)

    def postponed(self, seconds: float) -> InferenceRequest:
        """Return the same request with a later deadline."""
        return self if self.deadline is None else replace(self, deadline=self.deadline + seconds)

    def seconds_left(self) -> float | None:
        """Return the time until the deadline, s; None without one. Raises BackendTimeout."""
        if self.deadline is None:
            return None
        left_s = self.deadline - time.monotonic()
        if left_s <= 0:
            raise unfinished_error()
        return left_s


@dataclass(frozen=True)
class RawDetections:
    """A model's answer for one image, in the order and layout of the graph.

    `prob` [n]; `landmarks` [n, 10] as y1..y5, x1..x5; `box` [n, 4] as y1, x1, y2, x2; px.
    Raises BackendProtocolError if the shapes do not fit together or a number is not finite.
    """

    prob: Float32Array
    landmarks: Float32Array
    box: Float32Array
    model: ModelRef

    def __post_init__(self) -> None:
        count = self.prob.size
        actual = self.prob.shape, self.landmarks.shape, self.box.shape
        expected = (count,), (count, 10), (count, 4)
        if actual != expected:
            raise BackendProtocolError(
                f"model {self.model.name} returned prob, landmarks and box with shapes {actual}; "
                f"expected {expected}: is it an MTCNN model?"
            )
        if not all(np.isfinite(array).all() for array in (self.prob, self.landmarks, self.box)):
            raise BackendProtocolError(
                f"model {self.model.name} returned values that are not finite"
            )


class Backend(Protocol):
    """Runs the model. Thread-safe; errors are BackendError's subclasses."""

    @property
    def instruction_set(self) -> str | None:
        """The native engine's instruction set; None before it starts and for other backends."""
        ...

    def predict(self, request: InferenceRequest) -> RawDetections:
        """Run the model on one image.

        Raises BackendUnavailable, BackendTimeout, BackendProtocolError, and InvalidParams if the
        model's own limits are stricter than the caller's.
        """
        ...

    def check_ready(self) -> ModelRef:
        """Return the model that would answer now; raises BackendUnavailable if none is ready."""
        ...

    def close(self) -> None:
        """Free the backend's resources; it cannot be used afterwards."""
        ...


def guard_message(error_message: str) -> str | None:
    """Extract the message of one of the model's guards from a TensorFlow error, or None."""
    found = re.search(r"assertion failed: \[(.*?)\] \[(.*?)\]", error_message)
    return f"{found[1]} {found[2]}" if found else None
