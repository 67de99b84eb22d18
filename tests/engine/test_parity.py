"""The engine finds what the TensorFlow graph finds: 0.01 px, 1e-4; -s prints how near.

tests/nightly/test_engine.py has more options, and labelled photographs.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from facedetect.engine.engine import instruction_sets
from facedetect.images import BGRImage
from tests.engine.parity import Variant, compare, opened, plain_cases
from tests.model.cases import Case

VARIANTS = [Variant(), Variant("reference"), Variant(landmarks="averaged", fourth_net="random")]

# Pyramid pixels: without SIMD the engine takes twenty times as long.
_SMALL = 300_000


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_pictures_without_and_with_faces(
    variant: Variant, astronaut: BGRImage, grace_hopper: BGRImage, tmp_path: Path
) -> None:
    cases = list(plain_cases(astronaut, grace_hopper))
    small = list(filter(is_small, cases))
    fastest, *others = instruction_sets()
    with opened(variant, tmp_path) as pair:
        compare(pair, small if variant.fourth_net else cases, [fastest])
        if variant == Variant():
            compare(pair, small, others)


def is_small(case: Case) -> bool:
    height, width = case.image.shape[:2]
    return case.params.pyramid_pixels(width, height) <= _SMALL
