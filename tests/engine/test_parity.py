"""The engine finds what the TensorFlow graph finds: 0.01 px, 1e-4; -s prints how near."""

from __future__ import annotations

from pathlib import Path

from facedetect.images import BGRImage
from tests.engine.conftest import Pair
from tests.engine.parity import VARIANTS, compare, labelled_cases, plain_cases

_EACH = 3  # labelled photographs for each variant, other ones for each


def test_pictures_without_and_with_faces(
    pair: Pair, astronaut: BGRImage, grace_hopper: BGRImage
) -> None:
    compare(pair.variant, pair.graph, pair.engines, plain_cases(astronaut, grace_hopper))


def test_some_labelled_photographs(pair: Pair, wider_images: list[Path]) -> None:
    first, step = VARIANTS.index(pair.variant), len(wider_images) // _EACH
    compare(pair.variant, pair.graph, pair.engines, labelled_cases(wider_images[first::step]))
