"""What several kinds of tests share: photographs, optional data, real processes.

Fixtures import TensorFlow, conftest files do not: pytest-xdist's controller reads them, too.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import settings

from facedetect.faces import Box, Face, Landmarks, Point
from facedetect.images import BGRImage, ImageLimits, load_image

if TYPE_CHECKING:
    from benchmarks.servers import Gateway
    from facedetect import Detector
    from facedetect.model_server.development_server import ModelServer

DATA = Path(__file__).parent / "data"
ASTRONAUT = DATA / "astronaut.jpg"
GRACE_HOPPER = DATA / "grace_hopper.jpg"

# No deadlines: tests must pass on a busy machine.
settings.register_profile("quick", deadline=None, max_examples=100)
settings.register_profile("nightly", deadline=None, max_examples=1000)
PROFILE = os.environ.get("FACEDETECT_TEST_PROFILE", "quick")
settings.load_profile(PROFILE)


def examples(share: float) -> settings:
    """Return a fraction of the profile's number of examples, for slow property tests."""
    return settings(max_examples=round(share * settings().max_examples))


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Give bytes no test id: they are long and may contain their creation time."""
    return argname if isinstance(val, bytes) else None


def skip_or_fail(part: str, reason: str) -> None:
    """Skip a test if `part` is missing, or fail it if FACEDETECT_REQUIRE names the part."""
    if part in os.environ.get("FACEDETECT_REQUIRE", "").split(","):
        pytest.fail(f"{part} is required: {reason}")
    pytest.skip(reason)


def optional_folder(part: str, variable: str) -> Path:
    folder = os.environ.get(variable)
    if folder is None:
        skip_or_fail(part, f"{variable} does not name the folder of the {part} data")
    return Path(str(folder))


@pytest.fixture(scope="session")
def reference_graph() -> Path:
    """The published tf-mtcnn frozen graph."""
    return optional_folder("reference", "FACEDETECT_REFERENCE_DIR") / "tf-mtcnn.pb"


@pytest.fixture(scope="session")
def wider_images() -> list[Path]:
    """Photographs of many faces."""
    folder = optional_folder("eval", "FACEDETECT_EVAL_DIR") / "wider-dev" / "images"
    return sorted(folder.rglob("*.jpg"))


@pytest.fixture(scope="session")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our frozen graph with default options."""
    from facedetect.model.freeze import freeze

    path = tmp_path_factory.mktemp("frozen") / "mtcnn.pb"
    freeze(path)
    return path


@pytest.fixture(scope="session")
def cold_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built-in model without warm-up, which takes a third of a model server's start."""
    from facedetect.model.builtin import builtin_model

    folder = tmp_path_factory.mktemp("model") / "mtcnn"
    return Path(shutil.copytree(builtin_model(), folder, ignore=lambda *_: ["assets.extra"]))


@pytest.fixture(scope="session")
def simple_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SavedModel named `mtcnn` that finds one face in every image and loads quickly."""
    from facedetect.model.convert import convert
    from tests.model.simple import OWN_NAMES, simple_graph, write_graph

    folder = tmp_path_factory.mktemp("simple")
    convert(write_graph(simple_graph(OWN_NAMES), folder / "graph.pb"), folder / "mtcnn")
    return folder / "mtcnn"


@pytest.fixture(scope="session")
def builtin_detector() -> Iterator[Detector]:
    """The built-in model in-process, loaded once for all tests that leave it open."""
    from facedetect import Detector

    with Detector() as detector:
        yield detector


@pytest.fixture(scope="session")
def builtin_service() -> Iterator[Gateway]:
    """`facedetect serve` with default settings, shared by all tests that need no others."""
    from tests.processes import served

    with served() as running:
        yield running


@pytest.fixture(scope="module")
def builtin_server(cold_model: Path) -> Iterator[ModelServer]:
    """The development model server with the built-in model, in threads of the test."""
    from facedetect.model_server.versioned_model import VersionedModel
    from tests.model_servers import serving

    with serving(VersionedModel("mtcnn", cold_model)) as running:
        yield running


@pytest.fixture(scope="session")
def astronaut() -> BGRImage:
    return load_image(ASTRONAUT, ImageLimits())


@pytest.fixture(scope="session")
def grace_hopper() -> BGRImage:
    return load_image(GRACE_HOPPER, ImageLimits())


@pytest.fixture
def noise() -> BGRImage:
    """60 wide, 40 high."""
    return np.random.default_rng(7).integers(0, 256, (40, 60, 3), dtype=np.uint8)


@pytest.fixture
def a_face() -> Face:
    return face_at(10, 5, side=20, confidence=0.9)


def face_at(x: float, y: float, *, side: float, confidence: float) -> Face:
    """A square face with its landmarks in the usual places."""
    places = [(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)]
    points = (Point(x + side * right, y + side * down) for right, down in places)
    return Face(Box(x, y, x + side, y + side), confidence, Landmarks(*points))
