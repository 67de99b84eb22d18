"""The seam: an image and parameters in, raw tensors out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from facedetect.errors import BackendProtocolError, InvalidParams
from facedetect.faces import DetectionParams, ModelVersion
from facedetect.images import BGRImage

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class ModelChoice:
    """Which version one call wants, by its number or its label. Raises InvalidParams for both."""

    version: int | None = None
    label: str | None = None

    def __post_init__(self) -> None:
        if self.version is not None and self.label is not None:
            raise InvalidParams(
                f"the model is asked for by version {self.version} and by label {self.label}; "
                "give one of the two"
            )


@dataclass(frozen=True)
class RawDetections:
    """A model's answer for one image, in the order and layout of the graph.

    `prob` [n]; `landmarks` [n, 10] as y1..y5, x1..x5; `box` [n, 4] as y1, x1, y2, x2; px.
    Raises BackendProtocolError if the shapes do not fit together or a number is not finite.
    """

    prob: FloatArray
    landmarks: FloatArray
    box: FloatArray
    model: ModelVersion

    def __post_init__(self) -> None:
        count = self.prob.size
        actual = self.prob.shape, self.landmarks.shape, self.box.shape
        expected = (count,), (count, 10), (count, 4)
        if actual != expected:
            raise BackendProtocolError(
                f"model {self.model.name} answered prob, landmarks, box of the shapes {actual}; "
                f"expected {expected}: is it an MTCNN model?"
            )
        if not all(np.isfinite(array).all() for array in (self.prob, self.landmarks, self.box)):
            raise BackendProtocolError(f"model {self.model.name} answered numbers not finite")


class Backend(Protocol):
    """Runs the model. Thread-safe; errors are BackendError's subclasses."""

    def predict(
        self,
        image: BGRImage,
        params: DetectionParams,
        *,
        deadline: float | None,
        choice: ModelChoice | None = None,
    ) -> RawDetections:
        """Run the model on one image.

        `deadline` is a time of `time.monotonic`, or None to wait as long as the backend does;
        `choice` asks for another version than the backend's own.
        Raises BackendUnavailable, BackendTimeout, BackendProtocolError, and InvalidParams where
        the model's own limits are stricter than the caller's.
        """
        ...

    def check_ready(self) -> ModelVersion:
        """Return the model that would answer now; raises BackendUnavailable if none would."""
        ...

    def close(self) -> None:
        """Free what the backend holds; it answers nothing afterwards."""
        ...


def refusal_in(message: str) -> str | None:
    """What one of the model's guards says, in an error of TensorFlow's; None if none has spoken."""
    found = re.search(r"assertion failed: \[(.*?)\] \[(.*?)\]", message)
    return f"{found[1]} {found[2]}" if found else None
