"""Every geometry's graph equals the plain cascade: 0.01 px and 1e-4; and what the geometries do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, fields, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray
from safetensors.numpy import load_file

from facedetect import DetectionParams
from facedetect.arrays import Float32Array
from facedetect.images import BGRImage
from facedetect.model.box_ops import truncate
from facedetect.model.freeze import build_graph, freeze
from facedetect.model.session import open_session
from facedetect.model.uint8_input import with_uint8_input
from facedetect.mtcnn.geometry import ACCURATE, REFERENCE, Geometry
from facedetect.mtcnn.weights import default_weights_path, load_weights
from tests.model.cases import DEFAULTS, RECIPE, pictures
from tests.model.graphs import OUTPUTS, Found, FrozenGraph, differences
from tests.model.plain_cascade import PlainCascade
from tests.model.plain_nets import Arrays

TOLERANCES = {"box": 0.01, "prob": 1e-4, "landmarks": 0.01}

AVERAGED = replace(ACCURATE, averages_landmarks=True)
# All values differ from the other two; few enough candidates that some are cut off.
UNLIKE = Geometry(
    level_rounding="down",
    level_resampling="bilinear",
    box_extent=2,
    truncates_squares=False,
    crop_origin=2,
    landmark_shift=0.25,
    averages_landmarks=True,
    scale_overlap=0.4,
    pnet_overlap=0.5,
    rnet_overlap=0.35,
    onet_overlap=0.35,
    max_candidates=40,
)
GEOMETRIES = {
    "reference": REFERENCE,
    "accurate": ACCURATE,
    "averaged": AVERAGED,
    "unlike": UNLIKE,
}
# Many candidates, so that every kind of pruning applies.
LOOSE = DetectionParams(min_size=12, factor=0.79, thresholds=(0.1, 0.05, 0.02))

_OTHER_SIDE = [1, 0, 2, 4, 3]


@pytest.fixture(scope="session")
def arrays() -> Arrays:
    return load_file(default_weights_path())


GraphOf = Callable[[Geometry], FrozenGraph]


@pytest.fixture(scope="session")
def graph_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphOf]:
    """Open the frozen graph of a geometry."""
    opened = []

    @cache
    def open_graph(geometry: Geometry) -> FrozenGraph:
        path = tmp_path_factory.mktemp("geometry") / "mtcnn.pb"
        freeze(path, geometry=geometry)
        opened.append(FrozenGraph(path))
        return opened[-1]

    yield open_graph
    for graph in opened:
        graph.close()


@pytest.fixture(scope="session")
def images() -> dict[str, BGRImage]:
    """By name, among them sides that are odd, also when halved, and a face at the edge."""
    cut = pictures()
    cut["group-half"] = cut["group"][::2, ::2]
    cut["left-edge"] = cut["astronaut"][60:201, 205:330]
    cut["face"] = cut["astronaut"][40:201, 183:300]
    cut["row"] = np.tile(cut["astronaut"][20:220:2, 150:350:2], (1, 16, 1))
    cut["column"] = np.tile(cut["astronaut"][20:220:2, 150:350:2], (16, 1, 1))
    cut["hopper-row"] = np.tile(cut["hopper"][40:340:3, 150:450:3], (1, 12, 1))
    return {name: np.ascontiguousarray(image) for name, image in cut.items()}


def equal(ours: Found, plain: Found) -> NDArray[np.bool_]:
    """Which faces are within the tolerances, [n]; the counts must be equal."""
    found = differences(ours, plain)
    result: NDArray[np.bool_] = np.all([found[key] <= TOLERANCES[key] for key in OUTPUTS], axis=0)
    return result


CASES = [
    ("group-half", DEFAULTS),
    ("left-edge", DEFAULTS),
    ("left-edge", RECIPE),
    ("face", LOOSE),
    ("thin-strip", RECIPE),
    ("13x13", DEFAULTS),
    ("11x11", DEFAULTS),
]


@pytest.mark.parametrize("name", GEOMETRIES)
def test_equal_to_the_plain_cascade(
    name: str, graph_of: GraphOf, arrays: Arrays, images: dict[str, BGRImage]
) -> None:
    """Rounding could move a square by a whole pixel where it is truncated, and so change what the
    next net sees; on these pictures it happens to none that matters.
    """
    graph, plain = graph_of(GEOMETRIES[name]), PlainCascade(arrays, GEOMETRIES[name])
    faces = []
    for picture, params in CASES:
        image = images[picture]
        found = graph.detect(image, params)
        faces.append(len(found["prob"]))
        assert equal(found, plain.detect(image, params)).all(), f"{picture}, {params}"
    assert min(faces[:4]) > 0
    assert max(faces) >= 10


@pytest.mark.parametrize("field", [field.name for field in fields(Geometry)])
def test_every_field_matters(field: str, arrays: Arrays, images: dict[str, BGRImage]) -> None:
    """On a picture where the graph equals the plain cascade before and after: it reads the field,
    or it would not be equal with two geometries that share none.
    """
    values = getattr(UNLIKE, field), getattr(ACCURATE, field)
    assert values[0] != values[1]
    before, after = (
        PlainCascade(arrays, replace(UNLIKE, **{field: value})).detect(images["face"], LOOSE)
        for value in values
    )
    assert len(before["prob"]) > 0
    same_count = len(before["prob"]) == len(after["prob"])
    assert not (same_count and all(np.abs(before[k] - after[k]).max() < 0.1 for k in OUTPUTS))


def test_squares_are_truncated_toward_zero(arrays: Arrays, images: dict[str, BGRImage]) -> None:
    boxes = tf.constant([[-3.7, -0.2, 3.7, 0.2], [-1, 0, 1, 2]])
    assert truncate(boxes).numpy().tolist() == [[-3, 0, 3, 0], [-1, 0, 1, 2]]
    image = images["left-edge"]
    (found,) = run(build_graph(load_weights(), ACCURATE), image, RECIPE, ["pnet/candidates"])
    loose = PlainCascade(arrays, replace(ACCURATE, truncates_squares=False))
    squares = loose.propose(image.astype(np.float32), RECIPE)
    assert (squares[:, 1] < -1).any(), "some begin left of the image, between pixels"
    ours, plain = (set(map(tuple, rows.tolist())) for rows in (found, np.trunc(squares)))
    assert len(found) == len(squares)
    assert len(ours & plain) >= 0.99 * len(ours | plain), "rounding may move one in a hundred"


@pytest.mark.parametrize("geometry", [ACCURATE, AVERAGED], ids=["accurate", "averaged"])
@pytest.mark.parametrize("picture", ["row", "column"])
def test_landmarks_do_not_drift_from_edge_to_edge(
    graph_of: GraphOf, images: dict[str, BGRImage], geometry: Geometry, picture: str
) -> None:
    """The same face side by side. The published graph cuts crops at b * (side - 1) / side: half a
    pixel of drift one way at one edge, half a pixel the other way at the other.
    """
    image, axis = images[picture], 0 if picture == "column" else 1
    assert drift(graph_of(REFERENCE), image, axis) == pytest.approx(1, abs=0.3)
    assert drift(graph_of(geometry), image, axis) == pytest.approx(0, abs=0.2)


def drift(graph: FrozenGraph, image: BGRImage, axis: int) -> float:
    """By how many pixels the landmarks of faces 100 px apart move from edge to edge, beside them.

    `axis` is 0 for y, 1 for x.
    """
    landmarks = graph.detect(image, DEFAULTS)["landmarks"].reshape(-1, 2, 5)
    assert len(landmarks) == image.shape[axis] // 100
    places = landmarks[:, axis].mean(axis=1)
    slope, _ = np.polyfit(places, places % 100, 1)
    return float(slope * image.shape[axis])


def test_a_mirrored_picture_has_mirrored_landmarks(
    graph_of: GraphOf, images: dict[str, BGRImage]
) -> None:
    """On the average: the pyramid's windows lie elsewhere, so single faces differ by more. A wrong
    `landmark_shift` counts twice here.
    """
    for picture in ("row", "hopper-row"):
        image = images[picture]
        for geometry in (ACCURATE, AVERAGED):
            assert abs(shift_when_mirrored(graph_of(geometry), image)) < 0.2


def shift_when_mirrored(graph: FrozenGraph, image: BGRImage) -> float:
    """The mean way in x from a picture's landmarks to those of its mirror image, mirrored, px."""
    mirrored = graph.detect(np.ascontiguousarray(image[:, ::-1]), DEFAULTS)["landmarks"][:, 5:]
    theirs, ours = image.shape[1] - mirrored, graph.detect(image, DEFAULTS)["landmarks"][:, 5:]
    theirs = theirs[:, _OTHER_SIDE]
    assert len(ours) == len(theirs) >= 10
    in_order = (rows[rows.mean(axis=1).argsort()] for rows in (theirs, ours))
    return float(np.subtract(*in_order).mean())


def test_uint8_images_give_the_same_bit_for_bit(images: dict[str, BGRImage]) -> None:
    """With averaged landmarks, so that there is all that the accurate geometry has, and more."""
    graph_def = build_graph(load_weights(), AVERAGED)
    for_uint8 = with_uint8_input(graph_def, "input:0")
    uint8 = tf.uint8.as_datatype_enum
    readers = {node.op for node in for_uint8.node if node.attr["T"].type == uint8}
    assert readers >= {"CropAndResize", "ResizeArea", "ResizeBilinear", "Switch"}
    for picture, params in (("left-edge", RECIPE), ("face", DEFAULTS)):
        image = images[picture]
        assert image.shape[0] % 2 == image.shape[1] % 2 == 1
        ours = run(for_uint8, image, params, OUTPUTS)
        theirs = run(graph_def, image.astype(np.float32), params, OUTPUTS)
        assert len(theirs[1]) > 0
        for one, other in zip(ours, theirs, strict=True):
            assert np.array_equal(one, other)


def run(
    graph_def: tf.compat.v1.GraphDef,
    image: NDArray[np.generic],
    params: DetectionParams,
    names: Sequence[str],
) -> list[Float32Array]:
    """Tensors of a graph by the names of their operations, for an image of the type it takes."""
    with tf.Graph().as_default() as graph:
        tf.graph_util.import_graph_def(graph_def, name="")
    with open_session(graph) as session:
        found: list[Float32Array] = session.run(
            [f"{name}:0" for name in names],
            {
                "input:0": image,
                "min_size:0": params.min_size,
                "thresholds:0": params.thresholds,
                "factor:0": params.factor,
            },
        )
    return found


def test_the_table_of_geometries_is_the_codes() -> None:
    page = (Path(__file__).parents[2] / "docs" / "model.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` (\| .*? \| .*? )\| ", page, re.MULTILINE))
    reference, accurate = asdict(REFERENCE), asdict(ACCURATE)
    for name, value in reference.items():
        assert rows[name] == f"| {value} | {accurate[name]} ", name
