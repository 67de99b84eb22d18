"""The package's own engine, in-process and without TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from facedetect.backends.base import InferenceRequest, RawDetections
from facedetect.backends.in_process import InProcessBackend
from facedetect.detection_params import IMAGE_RULE
from facedetect.errors import InvalidParams
from facedetect.model_ref import ModelRef
from facedetect.mtcnn.geometry import named_geometry

if TYPE_CHECKING:
    from facedetect.engine.engine import Engine

# The engine's own limit. Detectors have lower limits, which users may raise.
_MAX_PYRAMID_PIXELS = 2_000_000_000


def embedded_backend(
    weights: Path | None = None,
    *,
    geometry: str = "accurate",
    averages_landmarks: bool = False,
    threads: int | None = None,
    instruction_set: str | None = None,
) -> InProcessBackend:
    """Return a backend for the native engine with the built-in weights, or those of a file.

    The first call starts the engine. By default, the engine chooses `threads` and
    `instruction_set`. Raises InvalidSettings as `named_geometry` does.
    """
    cascade = named_geometry(geometry, averages_landmarks=averages_landmarks)
    ref = _model_ref(weights, geometry, averages_landmarks=averages_landmarks)

    def load() -> _LoadedEngine:
        from facedetect.engine.engine import Engine
        from facedetect.mtcnn.weights import load_weights

        arrays = load_weights(weights)
        engine = Engine(arrays, cascade, threads=threads, instruction_set=instruction_set)
        return _LoadedEngine(engine, ref)

    return InProcessBackend(str(weights or "the built-in model"), load)


@dataclass(frozen=True)
class _LoadedEngine:
    """A running engine, and the model that it runs."""

    engine: Engine
    ref: ModelRef

    @property
    def instruction_set(self) -> str:
        return self.engine.instruction_set

    def run(self, request: InferenceRequest) -> RawDetections:
        _check_image(request)
        found = self.engine.detect(request.image, request.params, request.seconds_left())
        return RawDetections(*found, model=self.ref)

    def close(self) -> None:
        self.engine.close()


def _check_image(request: InferenceRequest) -> None:
    """Reject what a served model's guards reject, with the same messages."""
    shape, dtype = request.image.shape, request.image.dtype
    if dtype != "uint8":
        raise InvalidParams(f"the image must be uint8; it is {dtype}")
    if len(shape) != 3 or shape[2] != 3 or 0 in shape:  # noqa: PLR2004 - as the rule says
        raise InvalidParams(f"{IMAGE_RULE}; its shape is {list(shape)}")
    request.params.check_work(shape[1], shape[0], _MAX_PYRAMID_PIXELS)


def _model_ref(weights: Path | None, geometry: str, *, averages_landmarks: bool) -> ModelRef:
    """Name the model after its weights and all non-default options, so that names are unique.

    Only the built-in weights have a version.
    """
    name = weights.stem if weights else "mtcnn"
    if geometry != "accurate":
        name += f"-{geometry}"
    if averages_landmarks:
        name += "-averaged"
    return ModelRef(name, 1 if weights is None else None)
