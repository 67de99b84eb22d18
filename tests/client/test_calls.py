"""Both clients with the real service and the fake model."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from PIL import Image

import facedetect
from facedetect import Detector
from facedetect.backends.fake import FakeBackend
from facedetect.client import AnnotationStyle, ServiceVersion
from facedetect.client.response_parsing import error_named
from facedetect.detection_params import DetectionParams
from facedetect.errors import (
    BackendUnavailable,
    ImageTooLarge,
    InvalidImage,
    InvalidParams,
    ServiceError,
    UnsupportedImage,
)
from facedetect.faces import Box, Face
from facedetect.images import BGRImage, load_image
from facedetect.model_ref import ModelRef
from facedetect.presets import PRESETS
from facedetect.service.problems import KINDS
from tests.client.servers import service
from tests.client.waiting import AnyClient, OpenClient
from tests.conftest import ASTRONAUT
from tests.fake import finding, raising, recover

FAKE = ModelRef("fake", 1)


def test_a_detection_is_the_detectors_own(client: AnyClient, backend: FakeBackend) -> None:
    here = Detector(backend).detect_upright(load_image(ASTRONAUT))
    there = client.detect(ASTRONAUT)
    assert replace(there, faces=[]) == replace(here, faces=[])
    (ours,), (theirs,) = here.faces, there.faces
    assert theirs.box == Box(**ours.to_dict()["box"])
    assert theirs.to_dict() == ours.to_dict()


def test_no_face_is_an_empty_list(open_client: OpenClient) -> None:
    with service(FakeBackend()) as url:
        assert open_client(url).detect(ASTRONAUT).faces == []


def test_options_reach_the_model(client: AnyClient, backend: FakeBackend) -> None:
    thresholds = (0.5, 0.6, 0.65)
    client.detect(ASTRONAUT, min_size=33.5, factor=0.8, thresholds=thresholds, model_version=7)
    assert backend.requests[-1].params == DetectionParams(33.5, 0.8, thresholds)
    assert backend.requests[-1].model == ModelRef(version=7)
    client.detect(ASTRONAUT, model_label="canary", model_version=None)
    assert backend.requests[-1].params == DetectionParams()
    assert backend.requests[-1].model == ModelRef(label="canary")


def test_views_and_presets_reach_the_service(client: AnyClient, backend: FakeBackend) -> None:
    before = len(backend.requests)
    client.detect(ASTRONAUT, rotations=(0, 90), looks=2, min_confidence=0.5)
    assert len(backend.requests) == before + 4
    client.detect(ASTRONAUT, preset="few-misses", rotations=(0,))
    assert backend.requests[-1].params.min_size == PRESETS["few-misses"].min_size


def test_max_faces(open_client: OpenClient, a_face: Face) -> None:
    with service(finding(a_face, a_face)) as url:
        client = open_client(url)
        assert len(client.detect(ASTRONAUT).faces) == 2
        assert len(client.detect(ASTRONAUT, max_faces=1).faces) == 1


def a_png(image: BGRImage) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image[..., ::-1]).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    "to_source",
    [
        a_png,
        lambda image: bytearray(a_png(image)),
        lambda image: memoryview(a_png(image)),
        lambda image: io.BytesIO(a_png(image)),
        lambda image: image,
        lambda image: Image.fromarray(image[..., ::-1]),
    ],
    ids=["bytes", "bytearray", "memoryview", "file", "array", "pillow"],
)
def test_every_kind_of_image_arrives_pixel_by_pixel(
    client: AnyClient, backend: FakeBackend, noise: BGRImage, to_source: Callable[[BGRImage], Any]
) -> None:
    client.detect(to_source(noise))
    np.testing.assert_array_equal(backend.requests[-1].image, noise)


def test_paths(client: AnyClient, backend: FakeBackend, noise: BGRImage, tmp_path: Path) -> None:
    path = tmp_path / "noise.png"
    path.write_bytes(a_png(noise))
    for source in (path, str(path)):
        client.detect(source)
        np.testing.assert_array_equal(backend.requests[-1].image, noise)


def test_an_open_file_is_read_from_where_it_stands_and_stays_open(
    client: AnyClient, noise: BGRImage
) -> None:
    file = io.BytesIO(b"before" + a_png(noise))
    file.seek(6)
    assert client.detect(file).width == 60
    assert not file.closed


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("no/such.jpg", "no/such.jpg cannot be read: No such file"),
        (ASTRONAUT.parent, "cannot be read: Is a directory"),
        (io.StringIO("text"), 'open it with mode "rb"'),
        (np.zeros((4, 4), np.float32), "it must be uint8"),
    ],
    ids=["missing", "folder", "text", "floats"],
)
def test_what_cannot_be_sent_says_why(client: AnyClient, source: Any, said: str) -> None:
    with pytest.raises(InvalidImage, match=said):
        client.detect(source)


def test_a_closed_file_says_so(client: AnyClient) -> None:
    file = io.BytesIO()
    file.close()
    with pytest.raises(InvalidImage, match="closed"):
        client.detect(file)


@pytest.mark.parametrize("style", get_args(AnnotationStyle))
@pytest.mark.parametrize("image_format", ["png", "jpeg", "webp"])
def test_annotate(client: AnyClient, style: str, image_format: str) -> None:
    picture = client.annotate(ASTRONAUT, style=style, format=image_format, min_size=40)
    with Image.open(io.BytesIO(picture)) as image:
        assert (image.format, image.size) == (image_format.upper(), (512, 512))


def test_errors_of_the_service_are_the_packages_own(client: AnyClient, url: str) -> None:
    with pytest.raises(UnsupportedImage, match="not an image in a supported format") as caught:
        client.detect(b"GIF? no")
    assert caught.value.__notes__ == [f"{url}/detect answered 415"]
    with pytest.raises(InvalidImage, match="send the original, complete file"):
        client.detect(ASTRONAUT.read_bytes()[:5000])
    with pytest.raises(InvalidParams, match="min_size must be at least 8; it is 2"):
        client.detect(ASTRONAUT, min_size=2)


def test_a_misspelt_option_is_not_ignored(client: AnyClient) -> None:
    with pytest.raises(InvalidParams, match="minsize is not a parameter"):
        client.detect(ASTRONAUT, minsize=40)


def test_an_image_over_the_limit(open_client: OpenClient, backend: FakeBackend) -> None:
    with service(backend, max_image_bytes=1000) as url:
        client = open_client(url)
        with pytest.raises(ImageTooLarge, match="1000 bytes allowed"):
            client.detect(ASTRONAUT)
        with pytest.raises(ImageTooLarge, match="1000 bytes allowed"):
            client.detect(bytes(20 * 2**20))  # still being sent when the answer arrives


def test_every_problem_of_the_service_has_its_error() -> None:
    for kind in KINDS.values():
        assert KINDS[error_named(kind.slug) or ServiceError] == kind


def test_ready_and_version(
    client: AnyClient, backend: FakeBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.ready() == FAKE
    assert client.version() == ServiceVersion(facedetect.__version__, FAKE)
    monkeypatch.setattr(backend, "instruction_set", "avx2")
    assert client.version() == ServiceVersion(facedetect.__version__, FAKE, "avx2")


def test_not_ready_is_told_at_once(open_client: OpenClient, backend: FakeBackend) -> None:
    error = BackendUnavailable("still loading")
    backend.respond, backend.ready = raising(error), raising(error)
    with service(backend) as url:
        client = open_client(url)
        with pytest.raises(BackendUnavailable, match="still loading"):
            client.ready()
        assert client.version().model is None
        recover(backend)
        assert client.wait_until_ready() == FAKE
