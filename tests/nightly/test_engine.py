"""The engine over many pictures: equal to the graph on all of them, and no memory is lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np
import pytest

from benchmarks.process_memory import resident_mb
from facedetect import DetectionParams
from facedetect.backends import Backend, open_backend
from facedetect.engine.engine import Engine
from facedetect.images import BGRImage
from facedetect.mtcnn.geometry import ACCURATE
from facedetect.mtcnn.weights import load_weights
from tests.engine.parity import Variant, compare, labelled_cases
from tests.model.cases import Case


@pytest.fixture(scope="module", params=["accurate", "reference"])
def backends(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Variant, Backend, Backend]]:
    """A model, its engine and its graph."""
    variant = Variant(request.param)
    urls = variant.write(tmp_path_factory.mktemp("model"), None)
    with ExitStack() as stack:
        engine, graph = (stack.enter_context(closing(open_backend(url))) for url in urls)
        yield variant, engine, graph


def test_all_labelled_photographs(
    backends: tuple[Variant, Backend, Backend], wider_images: list[Path]
) -> None:
    variant, engine, graph = backends
    compare(variant, graph, {"engine": engine}, labelled_cases(wider_images))
    fine = DetectionParams(factor=0.85)
    again = (Case(case.picture, case.image, fine) for case in labelled_cases(wider_images))
    compare(variant, graph, {"engine": engine}, again)


def test_twenty_five_megapixels(
    backends: tuple[Variant, Backend, Backend], astronaut: BGRImage
) -> None:
    variant, engine, graph = backends
    large = np.tile(astronaut, (10, 10, 1))[:5000, :5000]
    case = Case("25 megapixels", large, DetectionParams(min_size=60))
    compare(variant, graph, {"engine": engine}, [case])


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
