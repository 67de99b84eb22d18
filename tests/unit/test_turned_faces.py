"""A real photograph in each rotation: faces are found at the right positions."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from facedetect import DetectionParams, Detector
from facedetect.backends.fake import FakeBackend
from facedetect.detection_params import ROTATIONS
from facedetect.errors import BackendTimeout, InvalidParams
from facedetect.faces import Face
from facedetect.images import BGRImage, encode_image, write_image
from facedetect.service import create_app
from facedetect.settings import ServiceSettings
from tests.conftest import face_at
from tests.fake import finding
from tests.processes import call

ALL = DetectionParams(rotations=ROTATIONS)


def turned(image: BGRImage, degrees: int) -> BGRImage:
    """Turn an image clockwise."""
    return np.ascontiguousarray(np.rot90(image, -degrees // 90))


def upright_face(detector: Detector, image: BGRImage) -> Face:
    (face,) = detector.detect(image)
    return face


def turned_face(face: Face, degrees: int, size: int) -> tuple[list[float], float, float]:
    """Where the face of a square picture is once that is turned: its box, and its left eye."""
    box, eye = face.box, face.landmarks.left_eye
    corners = [complex(box.x_min, box.y_min), complex(box.x_max, box.y_max), complex(eye.x, eye.y)]
    middle = complex(size, size) / 2
    a, b, eye_at = ((corner - middle) * 1j ** (degrees // 90) + middle for corner in corners)
    sides = [min(a.real, b.real), min(a.imag, b.imag), max(a.real, b.real), max(a.imag, b.imag)]
    return sides, eye_at.real, eye_at.imag


def check(found: Face, expected: Face, degrees: int) -> None:
    sides, eye_x, eye_y = turned_face(expected, degrees, 512)
    box, eye = found.box, found.landmarks.left_eye
    assert [box.x_min, box.y_min, box.x_max, box.y_max] == pytest.approx(sides, abs=1e-3)
    assert (eye.x, eye.y) == pytest.approx((eye_x, eye_y), abs=1e-3)
    turn = (found.roll_deg - expected.roll_deg - degrees) % 360
    assert min(turn, 360 - turn) == pytest.approx(0, abs=0.01)


@pytest.fixture(scope="module")
def http(builtin_detector: Detector) -> Iterator[TestClient]:
    with TestClient(create_app(ServiceSettings.load(), builtin_detector)) as client:
        yield client


@pytest.mark.parametrize("degrees", ROTATIONS)
@pytest.mark.parametrize("rotations", [ROTATIONS, "auto"], ids=str)
def test_the_library_finds_it(
    builtin_detector: Detector, astronaut: BGRImage, degrees: int, rotations: tuple[int, ...]
) -> None:
    params = DetectionParams(rotations=rotations)
    (found,) = builtin_detector.detect(turned(astronaut, degrees), params)
    check(found, upright_face(builtin_detector, astronaut), degrees)


@pytest.mark.parametrize("degrees", ROTATIONS)
def test_http_finds_it(
    http: TestClient, builtin_detector: Detector, astronaut: BGRImage, degrees: int
) -> None:
    picture = encode_image(turned(astronaut, degrees), ".png")
    answer = http.post("/detect?rotations=0,90,180,270", files={"image": picture}).json()
    (face,) = answer["faces"]
    expected = upright_face(builtin_detector, astronaut)
    assert face["box"]["x_min"] == pytest.approx(turned_face(expected, degrees, 512)[0][0], abs=0.1)
    turn = (face["roll_deg"] - expected.roll_deg - degrees) % 360
    assert min(turn, 360 - turn) == pytest.approx(0, abs=0.1)
    assert answer["parameters"]["rotations"] == [0, 90, 180, 270]


def test_the_command_finds_it(tmp_path: Path, astronaut: BGRImage) -> None:
    paths = [tmp_path / f"{degrees}.png" for degrees in ROTATIONS]
    for path, degrees in zip(paths, ROTATIONS, strict=True):
        write_image(path, turned(astronaut, degrees))
    ended = call("detect", "--rotations", "auto", "--json", *paths)
    assert ended.returncode == 0, ended.stderr
    faces = [json.loads(line)["faces"] for line in ended.stdout.splitlines()]
    rolls = [round(face["roll_deg"] / 90) * 90 % 360 for (face,) in faces]
    assert rolls == list(ROTATIONS)


def test_more_looks_find_the_same_face(builtin_detector: Detector, astronaut: BGRImage) -> None:
    expected = upright_face(builtin_detector, astronaut)
    for looks in (2, 4, 6):
        (found,) = builtin_detector.detect(astronaut, DetectionParams(looks=looks))
        assert found.box.overlap(expected.box) > 0.85
        assert found.confidence > 0.99
        assert abs(found.roll_deg - expected.roll_deg) < 3
        assert found.landmarks.left_eye.x < found.landmarks.right_eye.x


@pytest.mark.parametrize(("confidence", "searches"), [(0.999, 1), (0.99, 4)])
def test_auto_turns_the_picture_unless_a_face_is_found_for_sure(
    noise: BGRImage, confidence: float, searches: int
) -> None:
    backend = finding(face_at(10, 5, side=20, confidence=confidence))
    Detector(backend).detect(noise, DetectionParams(rotations="auto"))
    assert len(backend.requests) == searches


def test_the_defaults_search_the_picture_itself_and_nothing_else(noise: BGRImage) -> None:
    backend = finding(face_at(10, 5, side=20, confidence=0.9))
    detection = Detector(backend).detect_upright(noise)
    (request,) = backend.requests
    assert request.image is noise
    raw = backend.predict(request)
    (face,) = detection.faces
    box = (face.box.y_min, face.box.x_min, face.box.y_max, face.box.x_max)
    assert [*raw.box[0].tolist()] == list(box)
    assert raw.prob[0].item() == face.confidence


def test_each_view_reaches_the_backend_once(noise: BGRImage) -> None:
    backend = FakeBackend()
    Detector(backend).detect(noise, DetectionParams(rotations="auto", looks=2))
    shapes = [request.image.shape[:2] for request in backend.requests]
    assert shapes == [(40, 60), (34, 50), (60, 40), (50, 34)] * 2
    assert {request.params for request in backend.requests} == {DetectionParams()}


def test_one_deadline_covers_all_views(noise: BGRImage) -> None:
    backend = FakeBackend()
    Detector(backend, timeout_s=600).detect(noise, ALL)
    assert len({request.deadline for request in backend.requests}) == 1
    with pytest.raises(BackendTimeout):
        Detector(backend).detect_upright(noise, ALL, deadline=time.monotonic() - 1)


def test_all_views_count_as_work(noise: BGRImage) -> None:
    one, limit = DetectionParams(), 2500
    assert one.pyramid_pixels(60, 40) < limit < ALL.pyramid_pixels(60, 40)
    detector = Detector(FakeBackend(), max_pyramid_pixels=limit)
    assert detector.detect(noise, one) == []
    with pytest.raises(InvalidParams, match=r"in 4 views .* use min_size 34 or more"):
        detector.detect(noise, ALL)


def test_faces_below_the_confidence_are_left_out(noise: BGRImage) -> None:
    faces = [face_at(x, 0, side=10, confidence=score) for x, score in ((0, 0.9), (30, 0.6))]
    found = Detector(finding(*faces)).detect(noise, DetectionParams(min_confidence=0.7))
    assert [face.box.x_min for face in found] == [0]
