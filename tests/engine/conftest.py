from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from facedetect.backends import Backend, open_backend
from facedetect.engine.engine import instruction_sets
from tests.conftest import PROFILE, skip_or_fail
from tests.engine.parity import VARIANTS, Variant


@dataclass(frozen=True)
class Pair:
    """TensorFlow's backend, and the engine's for each instruction set that is compared."""

    variant: Variant
    graph: Backend
    engines: dict[str, Backend]


@pytest.fixture(scope="session", params=VARIANTS, ids=lambda variant: variant.name)
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    """The same model in TensorFlow and in the engine."""
    variant: Variant = request.param
    caffe = os.environ.get("FACEDETECT_REFERENCE_DIR") if variant.fourth_net == "author" else None
    if variant.fourth_net == "author" and caffe is None:
        skip_or_fail("reference", "FACEDETECT_REFERENCE_DIR does not name the folder of the net")
    folder = tmp_path_factory.mktemp(variant.name)
    engine_url, graph_url = variant.write(folder, Path(caffe) if caffe else None)
    with ExitStack() as stack:
        graph = stack.enter_context(closing(open_backend(graph_url)))
        engines = {
            name: stack.enter_context(closing(open_backend(f"{engine_url}&instruction_set={name}")))
            for name in compared_sets(variant)
        }
        yield Pair(variant, graph, engines)


def compared_sets(variant: Variant) -> list[str]:
    """The instruction sets that run a variant: all of them for the default one and nightly."""
    names = instruction_sets()
    return names if PROFILE == "nightly" or variant == VARIANTS[0] else names[:1]
