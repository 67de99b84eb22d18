from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

class DeadlineExceeded(TimeoutError): ...
class Closed(RuntimeError): ...

# Those that this processor has, fastest first, each with the type that it screens in.
def instruction_sets() -> list[tuple[str, str]]: ...

class Cascade:
    def __init__(
        self,
        arrays: Mapping[str, NDArray[Any]],
        shapes: Mapping[str, Sequence[int]],
        geometry: Mapping[str, float],
        threads: int,
        instruction_set: str,
    ) -> None: ...
    def detect(
        self,
        image: NDArray[np.uint8],
        min_size: float,
        thresholds: tuple[float, float, float],
        factor: float,
        timeout_s: float | None,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]: ...
    def cell_logits(
        self, image: NDArray[np.uint8], scale: float
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]: ...
    def close(self) -> None: ...
