"""The engine over many pictures: equal to the graph on all of them, and no memory is lost."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.process_memory import resident_mb
from facedetect import DetectionParams
from facedetect.engine.engine import Engine
from facedetect.images import BGRImage
from facedetect.mtcnn.geometry import ACCURATE
from facedetect.mtcnn.weights import load_weights


@pytest.mark.parametrize("threads", [1, 2])
def test_ten_thousand_pictures_leave_memory_as_it_was(astronaut: BGRImage, threads: int) -> None:
    engine = Engine(load_weights(None), ACCURATE, threads=threads)
    random = np.random.default_rng(7)
    params = DetectionParams(min_size=20)

    def detect(count: int) -> int:
        faces = 0
        for _ in range(count):
            height, width = random.integers(60, 200, 2)
            top, left = random.integers(0, 100, 2)
            faces += len(engine.detect(astronaut[top:, 100 + left :][:height, :width], params)[0])
        return faces

    detect(500)
    before_mb = resident_mb()
    assert detect(10_000) > 100
    assert resident_mb() - before_mb < 10
