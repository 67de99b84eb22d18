from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from facedetect.model.freeze import freeze
from tests.model.graphs import FrozenGraph


@pytest.fixture(scope="session")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our frozen graph."""
    path = tmp_path_factory.mktemp("frozen") / "mtcnn.pb"
    freeze(path)
    return path


@pytest.fixture(scope="session")
def our_graph(frozen: Path) -> Iterator[FrozenGraph]:
    graph = FrozenGraph(frozen)
    yield graph
    graph.close()
