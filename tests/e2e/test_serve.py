from __future__ import annotations

import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from benchmarks.servers import Gateway, gateway, wait_for
from facedetect.images import ImageLimits, decode_image
from tests.conftest import ASTRONAUT, GRACE_HOPPER

PHOTO = ASTRONAUT.read_bytes()


@pytest.fixture
def service(builtin_service: Gateway) -> httpx2.Client:
    return builtin_service.client


def test_the_astronaut_is_found(service: httpx2.Client) -> None:
    answer = service.post("/detect", files={"image": PHOTO}).json()
    (face,) = answer["faces"]
    box, marks = face["box"], face["landmarks"]
    assert (
        170 < box["x_min"] < marks["left_eye"]["x"] < marks["right_eye"]["x"] < box["x_max"] < 275
    )
    assert 55 < box["y_min"] < marks["nose"]["y"] < marks["mouth_left"]["y"] < box["y_max"] < 195
    assert face["confidence"] > 0.99
    assert answer["model"] == {"name": "mtcnn", "version": 1}


def test_the_annotated_picture_is_a_png(service: httpx2.Client) -> None:
    response = service.post("/detect", files={"image": PHOTO}, headers={"Accept": "image/png"})
    assert response.headers["content-type"] == "image/png"
    assert decode_image(response.content, ImageLimits()).shape == (512, 512, 3)


def test_parallel_requests_get_their_own_answers(service: httpx2.Client) -> None:
    photos = [ASTRONAUT.read_bytes(), GRACE_HOPPER.read_bytes()] * 10

    def detect(photo: bytes) -> tuple[int, float]:
        answer = service.post("/detect", files={"image": photo}).json()
        return answer["image"]["height"], answer["faces"][0]["box"]["x_min"]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(detect, photos))
    assert set(answers[::2]) == {answers[0]}
    assert set(answers[1::2]) == {answers[1]}
    assert (answers[0][0], answers[1][0]) == (512, 600)


def test_a_bad_request_leaves_the_service_well(service: httpx2.Client) -> None:
    headers = {"Content-Type": "image/jpeg"}
    assert service.post("/detect", content=PHOTO[:5000], headers=headers).status_code == 400
    assert service.post("/detect?factor=1", content=PHOTO, headers=headers).status_code == 422
    assert service.post("/detect", content=PHOTO, headers=headers).status_code == 200


def test_a_file_over_the_limit_is_refused(service: httpx2.Client) -> None:
    headers = {"Content-Type": "image/jpeg"}
    response = service.post("/detect", content=bytes(40 * 2**20), headers=headers)
    assert response.status_code == 413
    assert service.get("/healthz").status_code == 200


def test_an_upload_broken_off_is_no_error(builtin_service: Gateway) -> None:
    client, already_logged = builtin_service.client, len(builtin_service.log())
    head = "POST /detect HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\n"
    address = (client.base_url.host, client.base_url.port or 80)
    with socket.create_connection(address) as connection:
        connection.sendall(f"{head}Content-Length: {len(PHOTO)}\r\n\r\n".encode())
        connection.sendall(PHOTO[:1000])
    assert client.post("/detect", files={"image": PHOTO}).status_code == 200
    logged = builtin_service.log()[already_logged:]
    assert '"status": 200' in logged
    assert "Traceback" not in logged


def test_it_listens_before_the_model_is_loaded_and_ends_on_sigterm() -> None:
    with gateway() as running:
        assert running.client.get("/healthz").status_code == 200
        wait_for(running.client, "/readyz", running.process)
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(300) in {0, -signal.SIGTERM}


def test_a_model_that_is_not_there_is_told_by_readyz(tmp_path: Path) -> None:
    missing = tmp_path / "missing.safetensors"
    with gateway("--backend", f"embedded:?weights={missing}") as running:
        while "the model is loading" in (ready := running.client.get("/readyz")).text:
            time.sleep(0.05)
        assert ready.status_code == 503
        assert "missing.safetensors is not a readable" in ready.json()["detail"]
        response = running.client.post("/detect", files={"image": PHOTO})
        assert response.status_code == 503
        assert running.client.get("/healthz").status_code == 200
