"""Models not written by `facedetect convert`, in-process and over both protocols."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from facedetect import DetectionParams, Detector
from facedetect.backends import Backend, InferenceRequest, open_backend
from facedetect.errors import BackendUnavailable
from facedetect.images import BGRImage
from facedetect.model.convert import convert
from facedetect.model_server.development_server import ModelServer
from facedetect.model_server.versioned_model import VersionedModel
from tests.model_server.models import move_in, save_half_plus_two
from tests.model_servers import serving
from tests.tutorial_models import save_mtcnn

STRICT = DetectionParams(min_size=40, thresholds=(0.5, 0.6, 0.9))
URLS = {
    "savedmodel": "savedmodel:{folder}",
    "grpc": "grpc://127.0.0.1:{server.port}/mtcnn",
    "rest": "http://127.0.0.1:{server.rest_port}/mtcnn",
}


@pytest.fixture(scope="module")
def folder(frozen: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_mtcnn(frozen, tmp_path_factory.mktemp("tutorial") / "mtcnn" / "1").parent


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[ModelServer]:
    with serving(VersionedModel("mtcnn", folder)) as running:
        yield running


@pytest.fixture(scope="module", params=URLS)
def backend(request: pytest.FixtureRequest, folder: Path, server: ModelServer) -> Iterator[Backend]:
    url = URLS[request.param].format(folder=folder, server=server)
    with closing(open_backend(url)) as backend:
        yield backend


def test_a_model_with_the_default_signature_alone_finds_the_same_faces(
    backend: Backend, saved_model_backend: Backend, group: BGRImage
) -> None:
    small = group[::2, ::2]
    for params in (DetectionParams(), STRICT):
        request = InferenceRequest(small, params)
        expected, raw = saved_model_backend.predict(request), backend.predict(request)
        assert len(raw.prob) > 0
        assert np.array_equal(raw.prob, expected.prob)
        assert np.array_equal(raw.box, expected.box)
        assert np.array_equal(raw.landmarks, expected.landmarks)
    assert backend.check_ready().version == 1


def test_no_face_in_it_is_empty(backend: Backend) -> None:
    for shape in [(1, 1, 3), (50, 60, 3)]:
        raw = backend.predict(InferenceRequest(np.zeros(shape, np.uint8)))
        assert (raw.prob.shape, raw.landmarks.shape, raw.box.shape) == ((0,), (0, 10), (0, 4))


def test_the_published_graph_as_others_converted_it(
    reference_graph: Path, tmp_path: Path, astronaut: BGRImage
) -> None:
    save_mtcnn(reference_graph, tmp_path / "tf-mtcnn" / "1")
    with Detector(f"savedmodel:{tmp_path / 'tf-mtcnn'}") as detector:
        (face,) = detector.detect(astronaut)
        assert detector.detect(np.zeros((50, 60, 3), np.uint8)) == []
    assert face.box.x_min == pytest.approx(179.5, abs=1)


def test_a_model_that_is_not_mtcnn_is_not_ready_and_says_what_it_lacks(tmp_path: Path) -> None:
    half_plus_two = save_half_plus_two(tmp_path / "saved" / "1")
    models = tmp_path / "mtcnn"
    move_in(half_plus_two, models, 1)
    with serving(VersionedModel("mtcnn", models)) as server:
        for url in URLS.values():
            with closing(open_backend(url.format(folder=models, server=server))) as backend:
                with pytest.raises(BackendUnavailable, match=r"lacks .*min_size.*face.* convert"):
                    backend.predict(InferenceRequest(np.zeros((20, 20, 3), np.uint8)))
                with pytest.raises(BackendUnavailable, match=r"lacks .*min_size.*face.* convert"):
                    backend.check_ready()


def test_a_model_for_batching_is_called_in_batches(
    frozen: Path, tmp_path: Path, saved_model_backend: Backend, astronaut: BGRImage
) -> None:
    convert(frozen, tmp_path / "mtcnn", batching=True)
    with closing(open_backend(f"savedmodel:{tmp_path / 'mtcnn'}")) as backend:
        raw = backend.predict(InferenceRequest(astronaut, STRICT))
    expected = saved_model_backend.predict(InferenceRequest(astronaut, STRICT))
    assert len(raw.prob) == 1
    assert np.array_equal(raw.box, expected.box)
