"""Requests sent by camera software, and what it reads from the answers."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image

from benchmarks.servers import Gateway
from tests.conftest import ASTRONAUT, GRACE_HOPPER

PHOTO = ASTRONAUT.read_bytes()


def frame(width: int, height: int) -> bytes:
    """A camera's frame, as JPEG."""
    buffer = io.BytesIO()
    with Image.open(GRACE_HOPPER) as portrait:
        portrait.resize((width, height)).save(buffer, "JPEG")
    return buffer.getvalue()


def pieces(fields: dict[str, bytes | str]) -> Iterator[bytes]:
    """A form as streamed by Node's form-data: without a length."""
    boundary = f"--------------------------{uuid.uuid4().int % 10**24:024}"
    yield boundary.encode()
    for name, value in fields.items():
        is_file = isinstance(value, bytes)
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"'
        head += '; filename="a.jpg"\r\nContent-Type: image/jpeg' if is_file else ""
        yield f"{head}\r\n\r\n".encode()
        yield value if isinstance(value, bytes) else value.encode()
        yield b"\r\n"
    yield f"--{boundary}--\r\n".encode()


def test_frigate(builtin_service: Gateway) -> None:
    """Its tensors are square; it finds the label in its map and reads at most 20 objects."""
    response = builtin_service.client.post(
        "/v1/vision/detection?max_faces=20",
        data={"api_key": ""},
        files={"image": ("image", frame(320, 320))},
    )
    (found,) = response.json()["predictions"]
    assert found["label"] == "face"
    assert found["confidence"] > 0.9
    box = [found[side] / 320 for side in ("y_min", "x_min", "y_max", "x_max")]
    assert all(0 <= value <= 1 for value in box)
    assert box[0] < box[2]
    assert box[1] < box[3]


def test_blue_iris(builtin_service: Gateway) -> None:
    """It checks for updates to see whether the server is up, then lists models."""
    client = builtin_service.client
    assert client.get("/v1/status/updateavailable").json()["success"]
    models = client.post("/v1/vision/custom/list", content=b"").json()["models"]
    image = {"image": ("snapshot.jpg", frame(1280, 720), "image/jpeg")}
    for call in ("detection", *(f"custom/{model}" for model in models)):
        answer = client.post(f"/v1/vision/{call}", files=image, data={"min_confidence": "0.40"})
        assert [found["label"] for found in answer.json()["predictions"]] == ["face"]


def test_agent_dvr(builtin_service: Gateway) -> None:
    client = builtin_service.client
    assert client.post("/v1/vision/custom/list").json()["models"] == ["face"]
    image = {"image": ("image.jpg", PHOTO, "application/octet-stream")}
    for call, key in (("detection", "label"), ("face/recognize", "userid")):
        answer = client.post(f"/v1/vision/{call}", files=image, data={"min_confidence": "0.3"})
        (found,) = answer.json()["predictions"]
        assert found[key]
        assert found["x_max"] - found["x_min"] > 50


@pytest.mark.parametrize("key", [{}, {"api_key": "none"}])
def test_double_take(builtin_service: Gateway, key: dict[str, str]) -> None:
    """It sends the form in chunks; unrecognised people are `unknown`, and not a match."""
    form = pieces({"image": PHOTO, **key})
    boundary = next(form).decode()
    response = builtin_service.client.post(
        "/v1/vision/face/recognize",
        content=form,
        headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
    )
    answer: dict[str, Any] = response.json()
    assert answer["success"]
    assert [found["userid"] for found in answer["predictions"]] == ["unknown"]


def test_a_frame_without_faces_is_a_success_for_all(builtin_service: Gateway) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (640, 480), "grey").save(buffer, "JPEG")
    for call in ("detection", "custom/face", "face", "face/recognize"):
        answer = builtin_service.client.post(
            f"/v1/vision/{call}", files={"image": buffer.getvalue()}
        ).json()
        assert (answer["success"], answer["predictions"]) == (True, [])
