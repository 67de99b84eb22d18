"""The cascade as one call: an image in, faces out."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from facedetect.arrays import Float32Array
from facedetect.cores import available_cores
from facedetect.detection_params import DetectionParams
from facedetect.engine import _native
from facedetect.engine.packing import pack
from facedetect.errors import BackendUnavailable, InvalidSettings, unfinished_error
from facedetect.mtcnn.geometry import Geometry
from facedetect.mtcnn.weights import Weights


class Engine:
    """Runs the cascade with the given weights and geometry. Thread-safe.

    `threads` share the work of one image; the default is one per core. `instruction_set` forces one
    of `instruction_sets()`; the default is the first. Raises InvalidSettings if this CPU does not
    have it.
    """

    def __init__(
        self,
        weights: Weights,
        geometry: Geometry,
        *,
        threads: int | None = None,
        instruction_set: str | None = None,
    ) -> None:
        self.instruction_set, element = _choose(instruction_set)
        self.threads = threads or available_cores()
        packed = pack(weights, element)
        self._cascade = _native.Cascade(
            packed.arrays,
            packed.shapes,
            _geometry_fields(geometry),
            self.threads,
            self.instruction_set,
        )

    def detect(
        self, image: NDArray[np.uint8], params: DetectionParams, timeout_s: float | None = None
    ) -> tuple[Float32Array, Float32Array, Float32Array]:
        """Find the faces in a BGR image [height, width, 3].

        Returns `prob` [n], `landmarks` [n, 10] as y1..y5, x1..x5 and `box` [n, 4] as y1, x1, y2,
        x2, in px, best first. Raises BackendTimeout, and BackendUnavailable once closed.
        """
        try:
            return self._cascade.detect(
                np.ascontiguousarray(image),
                params.min_size,
                params.thresholds,
                params.factor,
                timeout_s,
            )
        except _native.DeadlineExceeded as error:
            raise unfinished_error() from error
        except _native.Closed as error:
            raise BackendUnavailable("the detector is closed; open a new one") from error

    def cell_logits(
        self, image: NDArray[np.uint8], scale: float
    ) -> tuple[Float32Array | None, Float32Array]:
        """Run P-Net on one level of a BGR image [height, width, 3].

        Returns its cells' logits, [rows, columns], as predicted by the screening (None if this
        instruction set does not screen), and in float32.
        """
        screened, exact = self._cascade.cell_logits(np.ascontiguousarray(image), scale)
        return (screened if screened.size == exact.size else None), exact

    def close(self) -> None:
        """Cancel the calls in progress and reject further ones."""
        self._cascade.close()


def instruction_sets() -> list[str]:
    """Return this CPU's instruction sets, fastest first."""
    return [name for name, _ in _native.instruction_sets()]


def _choose(name: str | None) -> tuple[str, str]:
    known = dict(_native.instruction_sets())
    chosen = name or next(iter(known))
    if chosen not in known:
        raise InvalidSettings(
            f"this CPU does not have the instruction set {name!r}; it has {', '.join(known)}"
        )
    return chosen, known[chosen]


def _geometry_fields(geometry: Geometry) -> dict[str, float]:
    named = {
        "rounds_levels_up": geometry.level_rounding == "up",
        "resamples_by_area": geometry.level_resampling == "area",
    }
    numbers = {
        field.name: getattr(geometry, field.name)
        for field in fields(geometry)
        if field.name not in {"level_rounding", "level_resampling"}
    }
    return {name: float(value) for name, value in {**named, **numbers}.items()}
