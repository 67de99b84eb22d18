from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from facedetect.mtcnn.geometry import REFERENCE

if TYPE_CHECKING:
    from tests.model.graphs import FrozenGraph


@pytest.fixture(scope="session")
def frozen_reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our frozen graph in the geometry of the published one."""
    from facedetect.model.freeze import freeze

    path = tmp_path_factory.mktemp("frozen") / "reference.pb"
    freeze(path, geometry=REFERENCE)
    return path


@pytest.fixture(scope="session")
def our_graph(frozen: Path) -> Iterator[FrozenGraph]:
    from tests.model.graphs import FrozenGraph

    graph = FrozenGraph(frozen)
    yield graph
    graph.close()


@pytest.fixture(scope="session")
def our_reference(frozen_reference: Path) -> Iterator[FrozenGraph]:
    from tests.model.graphs import FrozenGraph

    graph = FrozenGraph(frozen_reference)
    yield graph
    graph.close()


@pytest.fixture(scope="session")
def converted(frozen: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The SavedModel `mtcnn` of our frozen graph, which is its version 1."""
    from facedetect.model.convert import convert

    return convert(frozen, tmp_path_factory.mktemp("converted") / "mtcnn")
