"""The HTTP service over the fake backend."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Event
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from facedetect import DetectionParams, Detector
from facedetect.backends import ModelVersion
from facedetect.backends.fake import FakeBackend
from facedetect.errors import (
    BackendError,
    BackendProtocolError,
    BackendTimeout,
    BackendUnavailable,
    ModelNotFound,
)
from facedetect.faces import Face
from facedetect.images import BGRImage, ImageLimits, decode_image, encode_image
from facedetect.service import create_app
from facedetect.settings import Settings
from tests.conftest import ASTRONAUT, face_at

PHOTO = ASTRONAUT.read_bytes()
JPEG = {"Content-Type": "image/jpeg"}
MakeClient = Callable[..., TestClient]


@pytest.fixture
def make_client() -> Iterator[MakeClient]:
    """Start the service over a backend; settings by keyword."""
    with ExitStack() as stack:

        def make(backend: FakeBackend, **overrides: Any) -> TestClient:
            settings = Settings.load(**overrides)
            detector = Detector(
                backend,
                limits=settings.limits,
                max_pyramid_pixels=settings.max_pyramid_pixels,
                timeout_s=settings.timeout_s,
            )
            app = create_app(settings, detector)
            client = stack.enter_context(TestClient(app, raise_server_exceptions=False))
            while not backend.seen:  # the warm-up runs beside the start
                time.sleep(0.01)
            return client

        yield make


@pytest.fixture
def backend(a_face: Face) -> FakeBackend:
    return FakeBackend([a_face])


@pytest.fixture
def client(make_client: MakeClient, backend: FakeBackend) -> TestClient:
    return make_client(backend)


def problem(response: Any, status: int, slug: str) -> str:
    """Check that a response is this problem; return its detail."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert set(body) == {"type", "title", "status", "detail"}
    assert body["type"] == f"urn:facedetect:problem:{slug}"
    assert body["status"] == status
    return str(body["detail"])


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
    }
    assert answer["model"] == {"name": "fake", "version": "1"}
    assert "annotated_png" not in answer


def test_no_face_is_200_with_an_empty_list(make_client: MakeClient) -> None:
    response = make_client(FakeBackend()).post("/detect", files={"image": PHOTO})
    assert response.status_code == 200
    assert response.json()["faces"] == []


def test_parameters_reach_the_backend(client: TestClient, backend: FakeBackend) -> None:
    query = "min_size=40&factor=0.8&thresholds=0.5,0.6,0.8"
    answer = client.post(f"/detect?{query}", files={"image": PHOTO}).json()
    assert backend.seen[-1][1] == DetectionParams(40, 0.8, (0.5, 0.6, 0.8))
    assert answer["parameters"]["min_size"] == 40


def test_max_faces_answers_the_largest(make_client: MakeClient) -> None:
    faces = [face_at(0, 0, side=10, confidence=0.9), face_at(20, 0, side=30, confidence=0.8)]
    client = make_client(FakeBackend(faces))
    (face,) = client.post("/detect?max_faces=1", files={"image": PHOTO}).json()["faces"]
    assert face["box"]["x_min"] == 20


def test_annotate_adds_the_png(client: TestClient, astronaut: BGRImage) -> None:
    answer = client.post("/detect?annotate=true", files={"image": PHOTO}).json()
    drawn = decode_image(base64.b64decode(answer["annotated_png"]), ImageLimits())
    assert drawn.shape == astronaut.shape
    assert not np.array_equal(drawn, astronaut)


@pytest.mark.parametrize("accept", ["image/png", "image/png, application/json;q=0.5"])
def test_accept_png_gives_the_picture(client: TestClient, accept: str) -> None:
    response = client.post("/detect", files={"image": PHOTO}, headers={"Accept": accept})
    assert response.headers["content-type"] == "image/png"
    assert decode_image(response.content, ImageLimits()).shape == (512, 512, 3)


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/json, image/png", ""])
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
    assert backend.seen[-1][0].shape == (300, 200, 3)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("min_size=2", "min_size must be at least 8; it is 2"),
        ("min_size=nan", "min_size must be at least 8; it is nan"),
        ("min_size=big", "min_size is 'big'"),
        ("factor=1", "factor must be from 0.1 to 0.95; it is 1"),
        ("thresholds=1,2", "it must be three numbers such as 0.6,0.7,0.7"),
        ("thresholds=0,0,0", "each threshold must be between 0 and 1; it is 0"),
        ("max_faces=0", "max_faces is '0'"),
        ("annotate=perhaps", "annotate is 'perhaps'"),
        ("min_face_size=40", "min_face_size is no parameter of this call"),
    ],
)
def test_wrong_parameters_are_named(client: TestClient, query: str, words: str) -> None:
    response = client.post(f"/detect?{query}", files={"image": PHOTO})
    assert words in problem(response, 422, "invalid-params")


def test_too_much_work_is_refused(make_client: MakeClient, backend: FakeBackend) -> None:
    client = make_client(backend, max_pyramid_pixels=100_000)
    calls = len(backend.seen)
    response = client.post("/detect", files={"image": PHOTO})
    assert "use min_size 28 or more" in problem(response, 422, "invalid-params")
    assert len(backend.seen) == calls


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
    problem(response, 422, "invalid-params")
    headers = {"Content-Type": "multipart/form-data"}
    response = client.post("/detect", content=PHOTO, headers=headers)
    assert "the form cannot be read" in problem(response, 400, "invalid-image")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
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


@pytest.mark.parametrize(
    ("error", "status", "slug"),
    [
        (BackendUnavailable("down"), 503, "backend-unavailable"),
        (ModelNotFound("no version 9"), 503, "model-not-found"),
        (BackendTimeout("slow"), 504, "backend-timeout"),
        (BackendProtocolError("odd"), 502, "backend-protocol-error"),
    ],
)
def test_errors_of_the_backend_show_and_pass(
    make_client: MakeClient, error: BackendError, status: int, slug: str
) -> None:
    backend = FakeBackend(error=error)
    client = make_client(backend)
    response = client.post("/detect", files={"image": PHOTO})
    assert problem(response, status, slug) == str(error)
    assert ("retry-after" in response.headers) == (status == 503)
    backend.error = None
    assert client.post("/detect", files={"image": PHOTO}).status_code == 200


def test_a_bug_shows_nothing_of_itself(make_client: MakeClient) -> None:
    def fail() -> None:
        raise ZeroDivisionError("secret")

    backend = FakeBackend()
    client = make_client(backend)
    backend.before_answer = fail
    response = client.post("/detect", files={"image": PHOTO})
    assert "secret" not in problem(response, 500, "internal")


def test_waiting_for_a_thread_counts_towards_the_timeout(make_client: MakeClient) -> None:
    backend = FakeBackend()
    client = make_client(backend, threads=1, timeout_s=0.5)
    busy, release = Event(), Event()

    def block() -> None:
        busy.set()
        release.wait(30)

    backend.before_answer = block
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(client.post, "/detect", files={"image": PHOTO})
        assert busy.wait(10)
        started = time.monotonic()
        waiting = [pool.submit(client.post, "/detect", files={"image": PHOTO}) for _ in range(2)]
        for post in waiting:
            assert "no thread became free" in problem(post.result(), 504, "backend-timeout")
        assert time.monotonic() - started < 2
        release.set()
        problem(first.result(), 504, "backend-timeout")
    assert client.post("/detect", files={"image": PHOTO}).status_code == 200


def test_readiness_follows_the_backend(make_client: MakeClient) -> None:
    backend = FakeBackend(error=BackendUnavailable("not yet"))
    client = make_client(backend)
    assert problem(client.get("/readyz"), 503, "backend-unavailable") == "not yet"
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/version").json()["model"] is None
    backend.error = None
    time.sleep(1.1)  # so long an answer holds
    model = {"name": "fake", "version": "1"}
    assert client.get("/readyz").json() == {"status": "ready", "model": model}
    assert client.get("/version").json()["model"] == model


class CountingBackend(FakeBackend):
    """Counts who asks whether it is ready, and is slow to answer."""

    asked = 0

    def check_ready(self) -> ModelVersion:
        self.asked += 1
        time.sleep(0.2)
        return super().check_ready()


def test_readiness_is_asked_once_for_everybody(make_client: MakeClient) -> None:
    backend = CountingBackend()
    client = make_client(backend)
    started = time.monotonic()
    with ThreadPoolExecutor(30) as pool:
        answers = list(pool.map(lambda _: client.get("/readyz").status_code, range(60)))
    took_s = time.monotonic() - started
    assert set(answers) == {200}
    assert backend.asked <= 1 + took_s


def test_the_log_has_what_strangers_are_not_told(
    make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    error = BackendUnavailable("the model server cannot be reached")
    error.add_note("10.0.0.7:8500 said UNAVAILABLE")
    client = make_client(FakeBackend(error=error))
    response = client.post("/detect", content=PHOTO, headers=JPEG)
    assert problem(response, 503, "backend-unavailable") == str(error)
    assert "10.0.0.7" in caplog.text


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


def test_openapi_documents_the_body_and_every_error(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    detect = document["paths"]["/detect"]["post"]
    assert set(detect["requestBody"]["content"]) == {"multipart/form-data", "image/*"}
    expected = {"200", "400", "413", "415", "422", "502", "503", "504"}
    assert set(detect["responses"]) == expected
    assert "Problem" in document["components"]["schemas"]


def test_images_of_every_kind_of_encoding_arrive(client: TestClient, noise: BGRImage) -> None:
    for suffix in (".png", ".jpg", ".webp", ".bmp", ".tiff"):
        data = encode_image(noise, suffix)
        answer = client.post("/detect", files={"image": data}).json()
        assert answer["image"] == {"width": 60, "height": 40}
