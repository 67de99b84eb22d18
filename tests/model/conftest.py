from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from facedetect.model.freeze import freeze
from facedetect.mtcnn.geometry import REFERENCE
from tests.model.graphs import FrozenGraph


@pytest.fixture(scope="session")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our frozen graph, as it comes."""
    path = tmp_path_factory.mktemp("frozen") / "mtcnn.pb"
    freeze(path)
    return path


@pytest.fixture(scope="session")
def frozen_reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our frozen graph in the geometry of the published one."""
    path = tmp_path_factory.mktemp("frozen") / "reference.pb"
    freeze(path, geometry=REFERENCE)
    return path


@pytest.fixture(scope="session")
def our_graph(frozen: Path) -> Iterator[FrozenGraph]:
    graph = FrozenGraph(frozen)
    yield graph
    graph.close()


@pytest.fixture(scope="session")
def our_reference(frozen_reference: Path) -> Iterator[FrozenGraph]:
    graph = FrozenGraph(frozen_reference)
    yield graph
    graph.close()
