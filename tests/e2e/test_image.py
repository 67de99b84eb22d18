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
from pathlib import Path

import httpx2
import pytest

from benchmarks.servers import free_port, model_server, wait_for
from tests.conftest import ASTRONAUT, skip_or_fail
from tests.processes import run

PHOTO = ASTRONAUT.read_bytes()
MAX_IMAGE_MB = 450

# The container options in deploy/.
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


@dataclass(frozen=True)
class Keys:
    """A folder with an API key file, and its key."""

    folder: Path
    key: str


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    folder = tmp_path_factory.mktemp("keys")
    folder.chmod(0o755)
    file = folder / "keys.jsonl"
    key = run("keys", "add", "test", "--file", file).stdout.strip()
    file.chmod(0o644)  # the container has another user
    return Keys(folder, key)


@contextmanager
def running(engine: str, image: str, model_url: str, keys: Keys) -> Iterator[Container]:
    """Run the image until the block ends; wait until it is ready."""
    port = free_port()
    settings = {"PORT": port, "BACKEND": model_url, "KEYS_FILE": "/keys/keys.jsonl"}
    env = [f"--env=FACEDETECT_{name}={value}" for name, value in settings.items()]
    name = f"facedetect-test-{port}"
    options = ["--network=host", f"--volume={keys.folder}:/keys:ro", *HARDENED, *env]
    process = subprocess.Popen([engine, "run", f"--name={name}", *options, image], text=True)
    address, headers = f"http://127.0.0.1:{port}", {"X-API-Key": keys.key}
    with httpx2.Client(base_url=address, headers=headers, timeout=60) as client:
        try:
            wait_for(client, "/readyz", process)
            yield Container(engine, name, client)
        finally:
            call(engine, "rm", "--force", name)
            process.wait(30)


@pytest.fixture(scope="module")
def container(engine: str, image: str, model_url: str, keys: Keys) -> Iterator[Container]:
    with running(engine, image, model_url, keys) as started:
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


def test_it_asks_for_a_key(container: Container) -> None:
    response = container.client.post("/detect", files={"image": PHOTO}, headers={"X-API-Key": ""})
    assert response.status_code == 401


def test_it_does_not_start_without_keys(engine: str, image: str) -> None:
    command = [engine, "run", "--rm", *HARDENED, image]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 2
    assert "FACEDETECT_WITHOUT_KEYS=true" in ended.stderr


def test_sigterm_lets_a_request_finish(engine: str, image: str, model_url: str, keys: Keys) -> None:
    with running(engine, image, model_url, keys) as container:
        url = container.client.base_url
        with socket.create_connection((url.host, url.port or 80), timeout=30) as connection:
            head = "POST /detect HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\n"
            head += f"X-API-Key: {keys.key}\r\n"
            connection.sendall(f"{head}Content-Length: {len(PHOTO)}\r\n\r\n".encode())
            connection.sendall(PHOTO[:1000])
            assert container.client.get("/healthz").status_code == 200
            container.ask("kill", "--signal=TERM", container.name)
            wait_until_closed(url.host, url.port or 80)
            connection.sendall(PHOTO[1000:])
            assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
        assert container.ask("wait", container.name) == "0"


def wait_until_closed(host: str, port: int) -> None:
    """Wait until new connections are refused: the service is shutting down."""
    for _ in range(500):
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            return
        time.sleep(0.02)
    raise TimeoutError("the service still listens")
