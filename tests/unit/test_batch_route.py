"""`POST /detect/batch` with the fake backend."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from facedetect.backends import InferenceRequest
from facedetect.backends.fake import FakeBackend
from facedetect.errors import BackendTimeout
from facedetect.faces import Face
from facedetect.images import encode_image
from tests.fake import slow
from tests.unit.service import JPEG, PHOTO, MakeClient, problem

Files = list[tuple[str, Any]]
SMALL = encode_image(np.zeros((40, 60, 3), np.uint8), ".png")


def images(*contents: bytes) -> Files:
    return [("image", (f"{i}.jpg", content)) for i, content in enumerate(contents)]


def test_one_answer_for_each_image_in_their_order(client: TestClient) -> None:
    answer = client.post("/detect/batch?min_size=30", files=images(PHOTO, SMALL, PHOTO)).json()
    assert [result["filename"] for result in answer["results"]] == ["0.jpg", "1.jpg", "2.jpg"]
    sizes = [result["detection"]["image"]["width"] for result in answer["results"]]
    assert sizes == [512, 60, 512]
    alone = client.post("/detect?min_size=30", files={"image": PHOTO}).json()
    together = answer["results"][0]["detection"]
    assert {**alone, "timings_ms": None} == {**together, "timings_ms": None}
    assert answer["timings_ms"]["total"] > 0


def test_an_image_that_fails_has_a_problem_and_stops_no_other(make_client: MakeClient) -> None:
    client = make_client(FakeBackend(), max_image_bytes=len(PHOTO))
    bad = [b"", b"text", PHOTO[:5000], PHOTO + b"x"]
    response = client.post("/detect/batch", files=images(PHOTO, *bad, PHOTO))
    assert response.status_code == 200
    results = response.json()["results"]
    assert [r.get("problem", {}).get("status") for r in results] == [None, 400, 415, 400, 413, None]
    assert results[0]["detection"]["faces"] == []
    assert results[2]["problem"]["type"] == "urn:facedetect:problem:unsupported-image"


def test_errors_of_the_backend_are_each_images_own(make_client: MakeClient) -> None:
    backend = FakeBackend()
    client = make_client(backend, threads=1)
    responses: Iterator[list[Face] | BackendTimeout] = iter([[], BackendTimeout("slow"), []])

    def respond(_: InferenceRequest) -> Sequence[Face]:
        response = next(responses)
        if isinstance(response, BackendTimeout):
            raise response
        return response

    backend.respond = respond
    results = client.post("/detect/batch", files=images(PHOTO, PHOTO, PHOTO)).json()["results"]
    assert ["problem" in result for result in results] == [False, True, False]


def test_wrong_parameters_are_told_once(client: TestClient) -> None:
    response = client.post("/detect/batch?min_size=1", files=images(PHOTO))
    problem(response, 422, "invalid-params")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (
            [("photo", ("a.jpg", PHOTO))],
            "unexpected file 'photo' in the form; send files",
        ),
        ([("image", (None, "text"))], "the part 'image' is text: it has no filename; send"),
        (images(PHOTO) * 4, "more than the 3 parts allowed"),
    ],
)
def test_forms_with_other_parts_are_refused(
    make_client: MakeClient, files: Files, words: str
) -> None:
    client = make_client(FakeBackend(), max_batch_images=3)
    response = client.post("/detect/batch", files=files)
    assert words in problem(response, 422, "invalid-params")


def test_an_empty_form_is_refused(client: TestClient) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    response = client.post("/detect/batch", content=b"--x--\r\n", headers=headers)
    assert "the form is empty" in problem(response, 422, "invalid-params")


def test_only_forms_hold_several_images(client: TestClient) -> None:
    response = client.post("/detect/batch", content=PHOTO, headers=JPEG)
    assert "send multipart/form-data" in problem(response, 415, "unsupported-image")


def test_a_batch_does_not_fill_the_queue(make_client: MakeClient) -> None:
    client = make_client(FakeBackend(slow(0.05)), threads=2, max_queued=1)
    results = client.post("/detect/batch", files=images(*[PHOTO] * 8)).json()["results"]
    assert all("detection" in result for result in results)


def test_a_batch_may_have_a_third_of_the_memory_of_uploads(make_client: MakeClient) -> None:
    memory = 2 * (len(PHOTO) + 2**20)
    client = make_client(FakeBackend(), max_image_bytes=len(PHOTO), max_upload_memory=memory)
    fitting = int(memory / 3 / len(PHOTO))
    assert client.post("/detect/batch", files=images(*[PHOTO] * fitting)).status_code == 200
    too_many = images(*[PHOTO] * (fitting + 8))
    problem(client.post("/detect/batch", files=too_many), 413, "image-too-large")
