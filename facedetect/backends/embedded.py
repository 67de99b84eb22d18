"""The package's own engine, in-process and without TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from facedetect.backends.base import InferenceRequest, RawDetections
from facedetect.backends.in_process import InProcessBackend
from facedetect.errors import InvalidParams
from facedetect.faces import IMAGE_RULE
from facedetect.model_ref import ModelRef
from facedetect.mtcnn.geometry import named_geometry

if TYPE_CHECKING:
    from facedetect.engine.engine import Engine

# The engine's own limit. Detectors have lower limits, which users may raise.
_MAX_PYRAMID_PIXELS = 2_000_000_000


class EmbeddedBackend(InProcessBackend):
    """Runs the native engine with the built-in weights, or those of a .safetensors file.

    The first call starts the engine. By default, the engine chooses `threads` and
    `instruction_set`. Raises InvalidSettings as `named_geometry` does.
    """

    def __init__(
        self,
        weights: Path | None = None,
        *,
        geometry: str = "accurate",
        averages_landmarks: bool = False,
        threads: int | None = None,
        instruction_set: str | None = None,
    ) -> None:
        super().__init__(str(weights or "the built-in model"))
        self._weights = weights
        self._geometry = named_geometry(geometry, averages_landmarks=averages_landmarks)
        self._threads = threads
        self._instruction_set = instruction_set
        self._ref = _model_ref(weights, geometry, averages_landmarks=averages_landmarks)

    def _load_model(self) -> _LoadedEngine:
        from facedetect.engine.engine import Engine
        from facedetect.mtcnn.weights import load_weights

        engine = Engine(
            load_weights(self._weights),
            self._geometry,
            threads=self._threads,
            instruction_set=self._instruction_set,
        )
        return _LoadedEngine(engine, self._ref)


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
