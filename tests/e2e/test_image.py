"""The gateway's image, run as it is deployed, in front of the development model server."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2
import pytest

from benchmarks.servers import free_port, model_server, wait_for
from tests.conftest import ASTRONAUT, skip_or_fail

PHOTO = ASTRONAUT.read_bytes()
MAX_IMAGE_MB = 450

# What deploy/ asks of a container.
HARDENED = ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--memory=1g"]


@dataclass(frozen=True)
class Container:
    engine: str
    name: str
    client: httpx2.Client

    def ask(self, *arguments: str) -> str:
        return call(self.engine, *arguments)


def call(*command: str) -> str:
    ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return ended.stdout.strip()


@pytest.fixture(scope="module")
def image() -> str:
    if "FACEDETECT_IMAGE" not in os.environ:
        skip_or_fail("image", "FACEDETECT_IMAGE names no image: scripts/test-image builds one")
    return os.environ["FACEDETECT_IMAGE"]


@pytest.fixture(scope="module")
def engine() -> str:
    docker = shutil.which("docker")
    if (
        docker
        and subprocess.run([docker, "info"], capture_output=True, check=False).returncode == 0
    ):
        return docker
    podman = shutil.which("podman")
    if podman is None:
        skip_or_fail("image", "neither a docker engine nor podman is here")
    return str(podman)


@pytest.fixture(scope="module")
def model_url() -> Iterator[str]:
    with model_server() as server:
        yield server.grpc_url


@contextmanager
def running(engine: str, image: str, model_url: str) -> Iterator[Container]:
    """Run the image until the block ends; wait until it is ready."""
    port = free_port()
    settings = {"HOST": "127.0.0.1", "PORT": port, "BACKEND": model_url}
    env = [f"--env=FACEDETECT_{name}={value}" for name, value in settings.items()]
    name = f"facedetect-test-{port}"
    command = [engine, "run", f"--name={name}", "--network=host", *HARDENED, *env, image]
    process = subprocess.Popen(command, text=True)
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        try:
            wait_for(client, "/readyz", process)
            yield Container(engine, name, client)
        finally:
            call(engine, "rm", "--force", name)
            process.wait(30)


@pytest.fixture(scope="module")
def container(engine: str, image: str, model_url: str) -> Iterator[Container]:
    with running(engine, image, model_url) as started:
        yield started


def test_it_finds_the_face(container: Container) -> None:
    answer = container.client.post("/detect", files={"image": PHOTO}).json()
    (face,) = answer["faces"]
    assert face["confidence"] > 0.99
    assert 170 < face["box"]["x_min"] < face["box"]["x_max"] < 275


def test_its_own_health_check_passes(container: Container) -> None:
    check = container.ask("inspect", "--format={{json .Config.Healthcheck.Test}}", container.name)
    kind, *command = json.loads(check)
    assert kind == "CMD"
    container.ask("exec", container.name, *command)


def test_it_is_not_root_and_has_no_tensorflow(container: Container) -> None:
    assert container.ask("exec", container.name, "id", "-u") == "10001"
    look = "import importlib.util as i; print(i.find_spec('tensorflow'))"
    python = "/opt/facedetect/bin/python3"
    assert container.ask("exec", container.name, python, "-c", look) == "None"


def test_it_is_small(engine: str, image: str) -> None:
    size = int(call(engine, "image", "inspect", "--format={{.Size}}", image))
    print(f"{image}: {size / 1e6:.0f} MB")
    assert size / 1e6 < MAX_IMAGE_MB


def test_sigterm_lets_a_request_finish(engine: str, image: str, model_url: str) -> None:
    with running(engine, image, model_url) as container:
        url = container.client.base_url
        with socket.create_connection((url.host, url.port or 80), timeout=30) as connection:
            head = "POST /detect HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\n"
            connection.sendall(f"{head}Content-Length: {len(PHOTO)}\r\n\r\n".encode())
            connection.sendall(PHOTO[:1000])
            assert container.client.get("/healthz").status_code == 200
            container.ask("kill", "--signal=TERM", container.name)
            wait_until_closed(url.host, url.port or 80)
            connection.sendall(PHOTO[1000:])
            assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
        assert container.ask("wait", container.name) == "0"


def wait_until_closed(host: str, port: int) -> None:
    """Wait until new connections are refused, which is when the service has begun to end."""
    for _ in range(500):
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            return
        time.sleep(0.02)
    raise TimeoutError("the service still listens")
