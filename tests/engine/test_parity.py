"""The engine finds what the TensorFlow graph finds: 0.01 px, 1e-4; -s prints how near."""

from __future__ import annotations

from pathlib import Path

from facedetect.images import BGRImage, ImageLimits, load_image
from tests.engine.conftest import Pair
from tests.engine.parity import PARAMS, Summary, plain_cases, run
from tests.engine.ties import TIES
from tests.model.cases import Case

_SAMPLE = 12


def compare(pair: Pair, cases: list[Case]) -> None:
    summaries = {name: Summary() for name in pair.engines}
    for case in cases:
        theirs = run(pair.graph, case)
        for name, engine in pair.engines.items():
            summaries[name].compare(case.name, run(engine, case), theirs)
    for name, summary in summaries.items():
        print(f"{pair.name}, {name}: {summary}")
    for summary in summaries.values():
        summary.check(TIES)
        assert summary.faces > 0


def test_pictures_without_and_with_faces(
    pair: Pair, astronaut: BGRImage, grace_hopper: BGRImage
) -> None:
    compare(pair, list(plain_cases(astronaut, grace_hopper)))


def test_labelled_photographs(pair: Pair, wider_images: list[Path]) -> None:
    paths = wider_images[:: len(wider_images) // _SAMPLE][:_SAMPLE]
    images = {path.stem: load_image(path, ImageLimits()) for path in paths}
    compare(
        pair,
        [
            Case(name, image, PARAMS[index % 4])
            for index, (name, image) in enumerate(images.items())
        ],
    )
