"""Images in base64, sent as JSON."""

from __future__ import annotations

import io
import json
from base64 import b64encode, encodebytes
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from facedetect import DetectionParams
from facedetect.backends.fake import FakeBackend
from tests.unit.service import PHOTO, MakeClient, problem

JSON = {"Content-Type": "application/json"}
BASE64 = b64encode(PHOTO).decode()


def faces(client: TestClient, text: str | bytes) -> Any:
    response = client.post("/detect", content=text, headers=JSON)
    assert response.status_code == 200, response.text
    return response.json()["faces"]


@pytest.mark.parametrize(
    "image",
    [
        json.dumps(BASE64),
        json.dumps(f"data:image/jpeg;base64,{BASE64}"),
        json.dumps(encodebytes(PHOTO).decode()),
        json.dumps(BASE64).replace("/", r"\/"),
        json.dumps(BASE64).replace("+", r"\u002B"),
    ],
    ids=["plain", "data-url", "lines", "php", "dotnet"],
)
def test_base64_is_taken_as_programs_write_it(client: TestClient, image: str) -> None:
    form = client.post("/detect", files={"image": PHOTO}).json()["faces"]
    assert faces(client, f'{{"image": {image}}}') == form
    assert faces(client, f'{{"max_faces": 1,\n "image" :\t{image} }}') == form


def test_parameters_are_in_the_body_or_the_query(client: TestClient) -> None:
    body = {"image": BASE64, "thresholds": [0.5, 0.6, 0.8], "rotations": "0,180", "max_faces": None}
    answer = client.post("/detect?factor=0.8", json=body | {"min_size": 40}).json()
    expected = DetectionParams(40, 0.8, (0.5, 0.6, 0.8), rotations=(0, 180))
    assert answer["parameters"] == json.loads(json.dumps(vars(expected)))
    twice = client.post("/detect?min_size=40", json=body | {"min_size": 41})
    assert "min_size is in the query and in the body" in problem(twice, 422, "invalid-params")


def test_pictures_are_asked_for_in_the_body(client: TestClient) -> None:
    answer = client.post("/detect", json={"image": BASE64, "annotate": True}).json()
    assert answer["annotated_png"]
    body = {"image": BASE64, "style": "solid", "format": "webp"}
    response = client.post("/annotate", json=body, headers={"Accept": "image/jpeg"})
    assert response.headers["x-face-count"] == "1"
    with Image.open(io.BytesIO(response.content)) as picture:
        assert picture.format == "WEBP"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"image": BASE64, "min_size": 2}, "min_size must be at least 8; it is 2"),
        ({"image": BASE64, "min_size": "big"}, "min_size is 'big'"),
        ({"image": BASE64, "thresholds": [1, 2]}, "three numbers such as 0.6,0.7,0.7"),
        ({"image": BASE64, "style": "blur"}, "style is not a parameter of this endpoint"),
        ({"image": BASE64, "max_faces": "9" * 5000}, "max_faces is"),
        ({"picture": BASE64}, "bytes beside the image"),
        ({"picture": "AAAA"}, "the JSON body has no image"),
        ({"image": ""}, "the JSON body has no image"),
        ({"image": None}, "the JSON body has no image"),
        ({"image": ["AAAA"]}, "the JSON body has no image"),
        ({"more": {"image": "AAAA"}}, "the JSON body has no image"),
        ([1], "the JSON body is not an object"),
    ],
)
def test_wrong_bodies_say_what_is_allowed(client: TestClient, body: Any, words: str) -> None:
    detail = problem(client.post("/detect", json=body), 422, "invalid-params")
    assert words in detail
    assert len(detail) < 500


def test_a_parameter_given_twice_is_refused(client: TestClient) -> None:
    body = f'{{"looks": 1, "image": "{BASE64}", "looks": 2}}'
    response = client.post("/detect", content=body, headers={"Content-Type": "application/json"})
    assert "looks is given 2 times" in problem(response, 422, "invalid-params")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "malformed JSON"),
        ('{"image": "AAAA', "malformed JSON"),
        ('{"image": "AAAA", ' + "[" * 60_000, "malformed JSON"),
        ('{"image": "AAAA", "min_size": ' + "9" * 60_000 + "}", "malformed JSON"),
        ('{"image": "AAA"}', "the image is not base64: Incorrect padding"),
        ('{"image": "AA-A"}', "the image is not base64"),
        ('{"image": "AA\\u00e9A"}', "the image is not base64"),
        ('{"image": "\\ud800"}', "the image is not base64"),
    ],
)
def test_malformed_bodies(client: TestClient, text: str, words: str) -> None:
    response = client.post("/detect", content=text, headers=JSON)
    assert words in problem(response, 400, "invalid-image")


def test_what_is_no_image_is_told_as_elsewhere(client: TestClient) -> None:
    body = {"image": b64encode(b"some text").decode()}
    problem(client.post("/detect", json=body), 415, "unsupported-image")


def test_the_limit_is_that_of_the_image(make_client: MakeClient, backend: FakeBackend) -> None:
    client = make_client(backend, max_image_bytes=len(PHOTO))
    body = {"image": BASE64, "min_size": 40}
    assert client.post("/detect", json=body).status_code == 200
    body["image"] = b64encode(PHOTO + b"a").decode()
    problem(client.post("/detect", json=body), 413, "image-too-large")
    body["image"] = b64encode(PHOTO + bytes(100_000)).decode()
    assert "the body has more" in problem(client.post("/detect", json=body), 413, "image-too-large")


def test_a_large_image_is_decoded_in_pieces(client: TestClient) -> None:
    large = PHOTO + bytes(3_000_001)  # what follows a JPEG file does not count
    body = {"image": b64encode(large).decode()}
    assert client.post("/detect", json=body).json()["image"] == {"width": 512, "height": 512}
