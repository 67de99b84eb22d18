"""The HTTP service with the fake backend: requests and responses."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from facedetect import DetectionParams
from facedetect.backends.fake import FakeBackend
from facedetect.images import BGRImage, ImageLimits, decode_image, encode_image
from facedetect.presets import PRESETS
from facedetect.service.problems import KINDS
from tests.conftest import face_at
from tests.fake import finding
from tests.unit.service import JPEG, PHOTO, MakeClient, problem


def test_a_form_and_a_raw_body_answer_the_same(client: TestClient) -> None:
    form = client.post("/detect", files={"image": PHOTO}).json()
    raw = client.post("/detect", content=PHOTO, headers=JPEG).json()
    timings = form.pop("timings_ms")
    raw.pop("timings_ms")
    assert form == raw
    assert set(timings) == {"decode", "queue", "predict", "total"}
    assert timings["total"] >= timings["decode"] + timings["queue"] + timings["predict"] - 0.01


def test_the_answer_has_the_documented_shape(client: TestClient) -> None:
    answer = client.post("/detect", files={"image": PHOTO}).json()
    assert answer["image"] == {"width": 512, "height": 512}
    (face,) = answer["faces"]
    assert face["box"] == {"x_min": 10, "y_min": 5, "x_max": 30, "y_max": 25}
    assert face["confidence"] == pytest.approx(0.9)
    places = ["left_eye", "right_eye", "nose", "mouth_left", "mouth_right"]
    assert list(face["landmarks"]) == places
    assert face["landmarks"]["left_eye"] == {"x": 16, "y": 13}
    assert answer["parameters"] == {
        "min_size": 20,
        "factor": 0.709,
        "thresholds": [0.6, 0.7, 0.7],
        "min_confidence": 0,
        "rotations": [0],
        "looks": 1,
    }
    assert face["roll_deg"] == 0
    assert answer["model"] == {"name": "fake", "version": 1}
    assert "annotated_png" not in answer


def test_numbers_are_as_exact_as_they_mean(make_client: MakeClient) -> None:
    client = make_client(finding(face_at(10.123456, 5.6789, side=20, confidence=0.98765432)))
    (face,) = client.post("/detect", files={"image": PHOTO}).json()["faces"]
    assert face["confidence"] == 0.98765
    assert (face["box"]["x_min"], face["box"]["y_min"]) == (10.12, 5.68)
    values = [value for point in face["landmarks"].values() for value in point.values()]
    digits = [str(value).partition(".")[2] for value in values]
    assert max(map(len, digits)) <= 2


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/detect"),
        ("POST", "/detect?annotate=true"),
        ("POST", "/v1/vision/face"),
        ("GET", "/version"),
        ("GET", "/nowhere"),
    ],
)
def test_json_ends_with_a_newline(client: TestClient, method: str, path: str) -> None:
    files = {"image": PHOTO} if method == "POST" else None
    text = client.request(method, path, files=files).text
    assert text.endswith("}\n")
    assert not text.endswith("\n\n")


def test_no_face_is_200_with_an_empty_list(make_client: MakeClient) -> None:
    response = make_client(FakeBackend()).post("/detect", files={"image": PHOTO})
    assert response.status_code == 200
    assert response.json()["faces"] == []


def test_parameters_reach_the_backend(client: TestClient, backend: FakeBackend) -> None:
    query = "min_size=40&factor=0.8&thresholds=0.5,0.6,0.8"
    answer = client.post(f"/detect?{query}", files={"image": PHOTO}).json()
    assert backend.requests[-1].params == DetectionParams(40, 0.8, (0.5, 0.6, 0.8))
    assert answer["parameters"]["min_size"] == 40


def test_given_parameters_win_over_the_presets(client: TestClient) -> None:
    query = "preset=few-misses&min_size=33&rotations=auto"
    answer = client.post(f"/detect?{query}", files={"image": PHOTO}).json()
    preset = PRESETS["few-misses"]
    assert answer["parameters"] == {
        "min_size": 33,
        "factor": preset.factor,
        "thresholds": list(preset.thresholds),
        "min_confidence": preset.min_confidence,
        "rotations": "auto",
        "looks": preset.looks,
    }


def test_a_preset_takes_the_min_size_that_the_limit_allows(make_client: MakeClient) -> None:
    client = make_client(FakeBackend(), max_pyramid_pixels=500_000)
    ask = "/detect?preset=few-misses"
    answer = client.post(ask, files={"image": PHOTO}).json()
    assert answer["parameters"]["min_size"] > PRESETS["few-misses"].min_size
    given = client.post(f"{ask}&min_size=12", files={"image": PHOTO})
    assert "use min_size" in problem(given, 422, "invalid-params")


@pytest.mark.parametrize("query", ["rotations=45", "looks=7", "min_confidence=2", "preset=best"])
def test_wrong_parameters_say_what_is_allowed(client: TestClient, query: str) -> None:
    response = client.post(f"/detect?{query}", files={"image": PHOTO})
    assert query.split("=", maxsplit=1)[0] in problem(response, 422, "invalid-params")


def test_max_faces_answers_the_largest(make_client: MakeClient) -> None:
    faces = [face_at(0, 0, side=10, confidence=0.9), face_at(20, 0, side=30, confidence=0.8)]
    client = make_client(finding(*faces))
    (face,) = client.post("/detect?max_faces=1", files={"image": PHOTO}).json()["faces"]
    assert face["box"]["x_min"] == 20


def test_annotate_adds_the_png(client: TestClient, astronaut: BGRImage) -> None:
    answer = client.post("/detect?annotate=true", files={"image": PHOTO}).json()
    drawn = decode_image(base64.b64decode(answer["annotated_png"]), ImageLimits())
    assert drawn.shape == astronaut.shape
    assert not np.array_equal(drawn, astronaut)


def test_a_large_png_is_one_piece_of_base64(client: TestClient) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (400, 500, 3), dtype=np.uint8)
    files = {"image": encode_image(noise, ".png")}
    answer = client.post("/detect?annotate=true", files=files).json()
    png = client.post("/annotate", files=files).content
    assert len(png) > 3 * 2**17
    assert base64.b64decode(answer["annotated_png"], validate=True) == png
    plain = client.post("/detect", files=files).json()
    assert set(answer) - set(plain) == {"annotated_png"}


def test_no_path_redirects_to_the_host_of_the_request(client: TestClient) -> None:
    for path in ("/metrics/", "/healthz/", "/page", "/docs/"):
        answer = client.get(path, headers={"Host": "evil.example"}, follow_redirects=False)
        assert answer.status_code == 404, path


@pytest.mark.parametrize(
    "accept",
    [
        "image/png",
        "image/png, application/json;q=0.5",
        "application/json;q=0.5, image/png;q=0.6",
        "image/*",
        "IMAGE/PNG; Q=1.0, */*;q=0.1",
        "*/*, application/json;q=0",
        "image/png;q=2",
    ],
)
def test_accept_png_gives_the_picture(client: TestClient, accept: str) -> None:
    response = client.post("/detect", files={"image": PHOTO}, headers={"Accept": accept})
    assert response.headers["content-type"] == "image/png"
    assert decode_image(response.content, ImageLimits()).shape == (512, 512, 3)


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("image/jpeg", "jpeg"),
        ("image/webp, */*", "webp"),
        ("image/*, image/png;q=0", "jpeg"),
        ("image/jpeg;q=0.5, image/webp;q=0.6, application/json;q=0.1", "webp"),
    ],
)
def test_accept_names_the_pictures_format(client: TestClient, accept: str, kind: str) -> None:
    for path in ("/detect", "/annotate"):
        response = client.post(path, files={"image": PHOTO}, headers={"Accept": accept})
        assert response.headers["content-type"] == f"image/{kind}"
        with Image.open(io.BytesIO(response.content)) as picture:
            assert picture.format == kind.upper()


def test_the_format_of_annotate_wins_over_accept(client: TestClient) -> None:
    def answered(query: str, accept: str) -> str:
        headers = {"Accept": accept}
        response = client.post(f"/annotate{query}", files={"image": PHOTO}, headers=headers)
        return str(response.headers["content-type"])

    assert answered("?format=webp", "image/jpeg") == "image/webp"
    assert answered("", "image/jpeg, image/*;q=0.1") == "image/jpeg"
    assert answered("", "*/*") == "image/png"
    assert answered("", "application/json") == "image/png"
    assert answered("?format=webp", "image/gif") == "image/webp"


@pytest.mark.parametrize(
    "accept",
    [
        "image/jpg",
        "image/gif, text/html",
        "image/*, image/png;q=0, image/jpeg;q=0, image/webp;q=0",
    ],
)
def test_pictures_that_are_not_made_are_refused(client: TestClient, accept: str) -> None:
    for path in ("/detect", "/annotate"):
        response = client.post(path, files={"image": PHOTO}, headers={"Accept": accept})
        assert response.status_code == 406
        problem = response.json()
        assert problem["type"] == "urn:facedetect:problem:not-acceptable"
        assert f"Accept is '{accept}'" in problem["detail"]
        assert "are image/png, image/jpeg, image/webp" in problem["detail"]


@pytest.mark.parametrize(
    "accept",
    [
        "*/*",
        "application/json",
        "application/json, image/png",
        "",
        "image/png;q=0",
        "image/png;q=0, application/json",
        "image/png; q=0.000, */*",
        "image/png;q=0.3, application/json;q=0.5",
        "image/gif;q=0, text/html",
        "application/x-unknown",
        "image/*;q=0.5, application/*",
        ";,;q=,q=1",
    ],
)
def test_anything_else_accepted_gives_json(client: TestClient, accept: str) -> None:
    response = client.post("/detect", files={"image": PHOTO}, headers={"Accept": accept})
    assert response.headers["content-type"] == "application/json"


def test_a_photo_stored_sideways_is_upright_in_the_answer(
    client: TestClient, backend: FakeBackend
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Image.new("RGB", (300, 200)).save(buffer, "JPEG", exif=exif)
    answer = client.post("/detect", content=buffer.getvalue(), headers=JPEG).json()
    assert answer["image"] == {"width": 200, "height": 300}
    assert backend.requests[-1].image.shape == (300, 200, 3)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("min_size=2", "min_size must be at least 8; it is 2"),
        ("min_size=nan", "min_size is 'nan': write it in plain digits: 20 or 0.7"),
        ("min_size=big", "min_size is 'big': write it in plain digits"),
        ("min_size=2_0", "min_size is '2_0': write it in plain digits"),
        ("min_size=%D9%A2%D9%A0", "write it in plain digits"),
        ("factor=0_1.5", "factor is '0_1.5': write it in plain digits"),
        ("max_faces=1_0", "max_faces is '1_0': write it in plain digits"),
        ("model_version=%D9%A1", "write it in plain digits"),
        ("thresholds=0.6,0.7,0.7_1", "it must be three numbers such as 0.6,0.7,0.7"),
        ("factor=1", "factor must be from 0.1 to 0.95; it is 1"),
        ("thresholds=1,2", "it must be three numbers such as 0.6,0.7,0.7"),
        ("thresholds=0,0,0", "each threshold must be at least 0.1; the lowest is 0"),
        ("thresholds=0.6,0.09,0.7", "at least 0.1; the lowest is 0.09"),
        ("thresholds=0.6,1,0.7", "each threshold must be between 0 and 1; it is 1"),
        ("max_faces=0", "max_faces is '0'"),
        ("annotate=perhaps", "annotate is 'perhaps'"),
        ("min_face_size=40", "min_face_size is not a parameter of this endpoint"),
        ("rotations=0&rotations=180", "rotations is given 2 times; give it once, a list with"),
        ("looks=2&looks=3", "looks is given 2 times"),
    ],
)
def test_wrong_parameters_are_named(client: TestClient, query: str, words: str) -> None:
    response = client.post(f"/detect?{query}", files={"image": PHOTO})
    assert words in problem(response, 422, "invalid-params")


def test_too_much_work_is_refused(make_client: MakeClient, backend: FakeBackend) -> None:
    client = make_client(backend, max_pyramid_pixels=100_000)
    calls = len(backend.requests)
    response = client.post("/detect", files={"image": PHOTO})
    assert "use min_size 28 or more" in problem(response, 422, "invalid-params")
    assert len(backend.requests) == calls


@pytest.mark.parametrize(
    "files",
    [
        {"file": PHOTO},
        [("image", PHOTO), ("image", PHOTO)],
        {"image": PHOTO, "other": PHOTO},
        {"image": (None, b"text")},
    ],
)
def test_forms_with_other_parts_are_refused(client: TestClient, files: Any) -> None:
    response = client.post("/detect", files=files)
    assert "curl -F image=@photo.jpg" in problem(response, 422, "invalid-params")


def test_a_broken_form_is_refused(client: TestClient) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    response = client.post("/detect", content=b"--x\r\nbroken", headers=headers)
    assert "the form ends before its final boundary" in problem(response, 400, "invalid-image")
    headers = {"Content-Type": "multipart/form-data"}
    response = client.post("/detect", content=PHOTO, headers=headers)
    assert "malformed form" in problem(response, 400, "invalid-image")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded"])
def test_bodies_of_other_types_are_refused(client: TestClient, content_type: str) -> None:
    response = client.post("/detect", content=PHOTO, headers={"Content-Type": content_type})
    assert "send multipart/form-data" in problem(response, 415, "unsupported-image")


def test_text_named_jpg_is_unsupported(client: TestClient) -> None:
    response = client.post("/detect", files={"image": ("a.jpg", b"some text", "image/jpeg")})
    problem(response, 415, "unsupported-image")


@pytest.mark.parametrize("data", [b"", PHOTO[:20_000]])
def test_images_that_do_not_decode_are_invalid(client: TestClient, data: bytes) -> None:
    problem(client.post("/detect", content=data, headers=JPEG), 400, "invalid-image")


def in_chunks(count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield bytes(10_000)


def test_bytes_over_the_limit_are_refused(make_client: MakeClient, backend: FakeBackend) -> None:
    client = make_client(backend, max_image_bytes=50_000)
    problem(client.post("/detect", files={"image": PHOTO}), 413, "image-too-large")
    problem(client.post("/detect", content=PHOTO, headers=JPEG), 413, "image-too-large")
    # Chunked: the length is not announced.
    endless = client.post("/detect", content=in_chunks(1000), headers=JPEG)
    assert "more than the 50000 bytes" in problem(endless, 413, "image-too-large")


def test_an_image_of_just_the_limit_is_taken(make_client: MakeClient, backend: FakeBackend) -> None:
    client = make_client(backend, max_image_bytes=len(PHOTO))
    assert client.post("/detect", files={"image": PHOTO}).status_code == 200
    assert client.post("/detect", content=PHOTO, headers=JPEG).status_code == 200


def test_pixels_over_the_limit_are_refused(make_client: MakeClient, backend: FakeBackend) -> None:
    client = make_client(backend, max_image_pixels=1000)
    problem(client.post("/detect", files={"image": PHOTO}), 413, "image-too-large")


def test_unknown_paths_and_methods_are_problems(client: TestClient) -> None:
    problem(client.get("/nothing"), 404, "not-found")
    response = client.get("/detect")
    problem(response, 405, "method-not-allowed")
    assert response.headers["allow"] == "POST"


def test_docs_need_no_other_host(client: TestClient) -> None:
    page = client.get("/docs").text
    assert "http://" not in page
    assert "https://" not in page
    for name in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert client.get(f"/static-offline-docs/{name}").status_code == 200


IMAGE_CALLS = ["/detect", "/detect/batch", "/annotate", "/v1/vision/face"]


@pytest.mark.parametrize("path", IMAGE_CALLS)
def test_openapi_documents_every_call_with_examples_of_every_error(
    client: TestClient, path: str
) -> None:
    document = client.get("/openapi.json").json()
    call = document["paths"][path]["post"]
    assert "multipart/form-data" in call["requestBody"]["content"]
    expected = {"400", "408", "413", "415", "422", "429", "500", "502", "503", "504"}
    assert {"200", *expected} <= set(call["responses"])
    for status in expected:
        (content,) = call["responses"][status]["content"].values()
        examples = content.get("examples", {"": {"value": content.get("example")}})
        assert all(example["value"] for example in examples.values())
    assert "Problem" in document["components"]["schemas"]


def test_openapi_has_an_example_of_every_kind_of_problem(client: TestClient) -> None:
    responses = client.get("/openapi.json").json()["paths"]["/detect"]["post"]["responses"]
    contents = [
        response["content"].get("application/problem+json") for response in responses.values()
    ]
    examples = [e["value"] for content in contents if content for e in content["examples"].values()]
    assert {example["type"] for example in examples} == {
        f"urn:facedetect:problem:{kind.slug}" for kind in KINDS.values()
    }


def test_images_of_every_kind_of_encoding_arrive(client: TestClient, noise: BGRImage) -> None:
    for suffix in (".png", ".jpg", ".webp", ".bmp", ".tiff"):
        data = encode_image(noise, suffix)
        answer = client.post("/detect", files={"image": data}).json()
        assert answer["image"] == {"width": 60, "height": 40}
