"""The engine over many pictures: equal to the graph on all of them, and no memory is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks.process_memory import resident_mb
from facedetect import DetectionParams
from facedetect.engine.engine import Engine, instruction_sets
from facedetect.images import BGRImage
from facedetect.mtcnn.geometry import ACCURATE
from facedetect.mtcnn.weights import load_weights
from tests.engine.parity import Pair, Variant, compare, labelled_cases, opened, plain_cases
from tests.model.cases import Case

DEFAULTS = [Variant(), Variant("reference")]
VARIANTS = [
    *DEFAULTS,
    Variant(landmarks="averaged"),
    Variant(fourth_net="random"),
    Variant(landmarks="averaged", fourth_net="author"),
]
FASTEST = instruction_sets()[:1]
FEW = 3  # labelled photographs for each variant, other ones for each


def of(variants: list[Variant]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("pair", variants, indirect=True, ids=lambda one: one.name)


@pytest.fixture(scope="module")
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    """A model in TensorFlow and in the engine."""
    with opened(request.param, tmp_path_factory.mktemp(request.param.name)) as pair:
        yield pair


@of(VARIANTS)
def test_every_instruction_set(
    pair: Pair, astronaut: BGRImage, grace_hopper: BGRImage, wider_images: list[Path]
) -> None:
    compare(pair, plain_cases(astronaut, grace_hopper), instruction_sets())
    sample = wider_images[::8]
    first, step = VARIANTS.index(pair.variant), len(sample) // FEW
    compare(pair, labelled_cases(sample[first::step]), instruction_sets())


@of(DEFAULTS)
def test_all_labelled_photographs(pair: Pair, wider_images: list[Path]) -> None:
    compare(pair, labelled_cases(wider_images), FASTEST)
    fine = DetectionParams(factor=0.85)
    again = (Case(case.picture, case.image, fine) for case in labelled_cases(wider_images))
    compare(pair, again, FASTEST)


@of(DEFAULTS)
def test_twenty_five_megapixels(pair: Pair, astronaut: BGRImage) -> None:
    large = np.tile(astronaut, (10, 10, 1))[:5000, :5000]
    case = Case("25 megapixels", large, DetectionParams(min_size=60))
    compare(pair, [case], FASTEST)


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
