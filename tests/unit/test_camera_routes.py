"""DeepStack's and CodeProject.AI's APIs, used like their clients, with the fake backend."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from facedetect.backends.fake import FakeBackend
from facedetect.errors import BackendUnavailable
from tests.conftest import face_at
from tests.fake import failing, finding
from tests.unit.service import JPEG, PHOTO, MakeClient

CALL = "/v1/vision/face"
CALLS = [CALL, f"{CALL}/recognize", "/v1/vision/detection", "/v1/vision/custom/face"]


def failure(response: Any, status: int) -> str:
    assert response.status_code == status, response.text
    body = response.json()
    assert set(body) == {"success", "error", "duration"}
    assert body["success"] is False
    return str(body["error"])


@pytest.mark.parametrize("call", CALLS)
def test_faces_have_deepstacks_format(client: TestClient, call: str) -> None:
    answer = client.post(call, files={"image": PHOTO}).json()
    assert isinstance(answer.pop("duration"), int)
    (face,) = answer["predictions"]
    assert face.pop("confidence") == pytest.approx(0.9)
    assert (face.pop("label"), face.pop("userid")) == ("face", "unknown")
    assert face == {"x_min": 10, "y_min": 5, "x_max": 30, "y_max": 25}
    assert answer["success"] is True


def test_no_face_is_a_success(make_client: MakeClient) -> None:
    answer = make_client(FakeBackend()).post(CALL, files={"image": PHOTO}).json()
    assert (answer["success"], answer["predictions"]) == (True, [])


def test_faces_below_min_confidence_are_left_out(make_client: MakeClient) -> None:
    faces = [face_at(0, 0, side=30, confidence=0.95), face_at(50, 0, side=30, confidence=0.75)]
    client = make_client(finding(*faces))
    data = {"min_confidence": "0.8", "api_key": ""}
    answer = client.post(CALL, files={"image": PHOTO}, data=data).json()
    assert [face["x_min"] for face in answer["predictions"]] == [0]


def test_parameters_may_be_in_the_query(client: TestClient, backend: FakeBackend) -> None:
    client.post(f"{CALL}?min_size=60", files={"image": PHOTO})
    assert backend.requests[-1].params.min_size == 60


@pytest.mark.parametrize(
    ("query", "files", "data", "status", "message"),
    [
        ("", {"image": b""}, {}, 400, "the image is empty"),
        ("", {"image": b"text"}, {}, 415, "not an image in a supported format"),
        ("", {"photo": PHOTO}, {}, 422, "the form has 'photo'; send a file named 'image'"),
        ("", {"image": PHOTO}, {"min_confidence": "high"}, 422, "min_confidence is 'high'"),
        ("", {"image": PHOTO}, {"min_confidence": "-1"}, 422, "min_confidence is '-1'"),
        ("", {"image": PHOTO}, {"min_confidence": "nan"}, 422, "min_confidence is 'nan'"),
        ("?min_size=1", {"image": PHOTO}, {}, 422, "min_size must be at least 8"),
        ("?max_faces=0", {"image": PHOTO}, {}, 422, "max_faces is '0'"),
        ("?looks=2&looks=3", {"image": PHOTO}, {}, 422, "looks is given 2 times"),
        ("", [("image", PHOTO), ("image", PHOTO)], {}, 422, "'image' more than once; send it once"),
    ],
)
def test_failures_have_deepstacks_format(
    client: TestClient, query: str, files: Any, data: Any, status: int, message: str
) -> None:
    assert message in failure(client.post(CALL + query, files=files, data=data), status)


def test_other_bodies_are_refused(client: TestClient) -> None:
    assert "send multipart" in failure(client.post(CALL, content=PHOTO, headers=JPEG), 415)


def test_a_missing_model_comes_with_retry_after(make_client: MakeClient) -> None:
    client = make_client(failing(BackendUnavailable("down")))
    response = client.post(CALL, files={"image": PHOTO})
    assert failure(response, 503) == "down"
    assert int(response.headers["retry-after"]) > 0


@pytest.mark.parametrize("path", ["/v1/vision/scene", "/v1/vision/custom/plates", "/v1/other"])
def test_unknown_calls_fail_in_deepstacks_format(client: TestClient, path: str) -> None:
    assert f"POST {path}" in failure(client.post(path, files={"image": PHOTO}), 404)


def test_a_wrong_method_fails_in_deepstacks_format(client: TestClient) -> None:
    response = client.get(CALL)
    assert f"GET {CALL}" in failure(response, 405)
    assert response.headers["allow"] == "POST"


def test_nobody_is_registered_and_one_model_is_there(client: TestClient) -> None:
    assert client.post(f"{CALL}/list", data={"api_key": ""}).json() == {
        "success": True,
        "faces": [],
    }
    assert client.post("/v1/vision/custom/list").json() == {"success": True, "models": ["face"]}


def test_status_calls_answer_as_codeproject_ai_does(client: TestClient) -> None:
    for path in ("/v1/status/ping", "/v1/server/status/ping"):
        assert client.get(path).json() == {"success": True}
    version = client.get("/v1/status/version").json()["version"]
    fields = {"major", "minor", "patch", "preRelease", "securityUpdate", "build", "file"}
    assert set(version) == {*fields, "releaseNotes"}
    update = client.get("/v1/status/updateavailable").json()
    assert update["updateAvailable"] is False
    assert update["current"] == update["latest"] == update["version"] == version
