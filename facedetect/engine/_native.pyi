from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

def instruction_sets() -> list[str]: ...

class Cascade:
    def __init__(
        self,
        layers: Mapping[str, NDArray[Any]],
        geometry: Mapping[str, float],
        threads: int,
        instruction_set: str,
    ) -> None: ...
    @property
    def instruction_set(self) -> str: ...
    def detect(
        self,
        image: NDArray[np.uint8],
        min_size: float,
        thresholds: tuple[float, float, float],
        factor: float,
        timeout_s: float | None,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]: ...
    def close(self) -> None: ...
