"""The native engine equals the graph, in each geometry, with each option and instruction set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from safetensors.numpy import save_file

from facedetect import DetectionParams
from facedetect.backends import InferenceRequest, open_backend
from facedetect.engine.engine import instruction_sets
from facedetect.images import BGRImage
from facedetect.model.freeze import freeze
from facedetect.mtcnn.geometry import named_geometry
from tests.model.cases import group as make_group
from tests.model.graphs import Found, FrozenGraph, differences
from tests.model.test_landmark_net import random_arrays

PARAMS = [DetectionParams(), DetectionParams(min_size=40, thresholds=(0.5, 0.6, 0.9))]

OpenGraph = Callable[..., FrozenGraph]


@pytest.fixture(scope="module")
def group(astronaut: BGRImage, grace_hopper: BGRImage) -> BGRImage:
    return make_group(astronaut, grace_hopper)


@pytest.fixture(scope="module")
def four_nets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights with a fourth net."""
    path = tmp_path_factory.mktemp("weights") / "four.safetensors"
    save_file(random_arrays(), path)
    return path


@pytest.fixture
def open_graph(tmp_path: Path) -> Iterator[OpenGraph]:
    graphs: list[FrozenGraph] = []

    def open_one(geometry: str, *, averages: bool, weights: Path | None) -> FrozenGraph:
        path = tmp_path / "mtcnn.pb"
        chosen = named_geometry(geometry, averages_landmarks=averages)
        freeze(path, weights=weights, geometry=chosen)
        graphs.append(FrozenGraph(path))
        return graphs[-1]

    yield open_one
    for graph in graphs:
        graph.close()


def run_engine(url: str, image: BGRImage, params: DetectionParams) -> Found:
    backend = open_backend(url)
    raw = backend.predict(InferenceRequest(image, params))
    backend.close()
    return {"box": raw.box, "prob": raw.prob, "landmarks": raw.landmarks}


def assert_equal(ours: Found, theirs: Found) -> None:
    found = differences(ours, theirs)
    assert len(found["prob"]) > 1
    assert found["prob"].max() < 1e-4
    assert found["box"].max() < 0.01
    assert found["landmarks"].max() < 0.01


@pytest.mark.parametrize("params", PARAMS, ids=["defaults", "strict"])
@pytest.mark.parametrize("has_fourth_net", [False, True], ids=["three nets", "four nets"])
@pytest.mark.parametrize(
    ("geometry", "landmarks"),
    [("accurate", "single"), ("accurate", "averaged"), ("reference", "single")],
)
def test_each_option_means_what_it_means_for_the_graph(
    open_graph: OpenGraph,
    group: BGRImage,
    four_nets: Path,
    geometry: str,
    landmarks: str,
    params: DetectionParams,
    *,
    has_fourth_net: bool,
) -> None:
    weights = four_nets if has_fourth_net else None
    graph = open_graph(geometry, averages=landmarks == "averaged", weights=weights)
    url = f"embedded:?geometry={geometry}&landmarks={landmarks}"
    if weights:
        url += f"&weights={weights}"
    assert_equal(run_engine(url, group, params), graph.detect(group, params))


@pytest.mark.parametrize("instruction_set", instruction_sets())
def test_each_instruction_set_answers_alike(
    open_graph: OpenGraph, group: BGRImage, instruction_set: str
) -> None:
    graph = open_graph("accurate", averages=False, weights=None)
    url = f"embedded:?instruction_set={instruction_set}"
    for params in PARAMS:
        assert_equal(run_engine(url, group, params), graph.detect(group, params))
