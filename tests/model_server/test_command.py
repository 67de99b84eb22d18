"""The real command in a process of its own."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import grpc
import httpx2
import pytest

from benchmarks.servers import Server, model_server
from facedetect.errors import InvalidSettings
from facedetect.model_server.development_server import ModelServer, ServerAddress
from facedetect.model_server.versioned_model import VersionedModel
from tests.model_server.clients import Client, held_call, spec_of
from tests.model_server.models import move_in
from tests.processes import call


def test_options_and_sigterm(half_plus_two: Path, tmp_path: Path) -> None:
    """In one process, since TensorFlow takes long to start."""
    folder = tmp_path / "m"
    for version in (1, 2):
        move_in(half_plus_two, folder, version)
    options = ["--versions", "1,2", "--label", "stable=1"]
    with model_server(folder, *options, name="m") as server:
        client = Client(server.port)
        check_options(server, client, folder)
        check_sigterm(server, client, tmp_path)


def check_options(server: Server, client: Client, folder: Path) -> None:
    assert client.half_plus_two(1, spec_of(label="stable"))[0] == 1
    assert client.half_plus_two(1)[0] == 2
    url = f"http://127.0.0.1:{server.rest_port}/v1/models/m:predict"
    assert httpx2.post(url, json={"inputs": [1]}).json() == {"outputs": [2.5]}
    for address, option in (
        (ServerAddress(port=server.port, rest_port=None), "--port"),
        (ServerAddress(port=0, rest_port=server.rest_port), "--rest-port"),
    ):
        with pytest.raises(InvalidSettings, match=f"choose another {option}"):
            ModelServer(VersionedModel("m", folder), address)


def check_sigterm(server: Server, client: Client, folder: Path) -> None:
    """It lets calls end and refuses new ones."""
    with held_call(client, folder) as held:
        server.process.send_signal(signal.SIGTERM)
        while not refuses_calls(Client(server.port)):
            time.sleep(0.01)
        assert not held.answer.done()
        assert held.let_go().model_spec.version.value == 2
        assert server.process.wait(120) == 0


def refuses_calls(client: Client) -> bool:
    try:
        client.half_plus_two(1)
    except grpc.RpcError as error:
        return bool(error.code() is grpc.StatusCode.UNAVAILABLE)
    return False


def test_a_stop_ends_calls_without_an_end(half_plus_two: Path, tmp_path: Path) -> None:
    model = VersionedModel("m", move_in(half_plus_two, tmp_path / "m", 1).parent)
    server = ModelServer(model, ServerAddress(port=0, rest_port=0), grace_s=0.1)
    server.start()
    with held_call(Client(server.port), tmp_path) as held:
        server.stop()
        assert isinstance(held.answer.exception(), grpc.RpcError)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--versions", "newest"], "'newest' is neither latest nor all"),
        (["--label", "stable"], "'stable' is not NAME=VALUE"),
        (["--tls-cert", "cert.pem"], "go together"),
        (["1"], "is a version folder; give the folder that contains it"),
    ],
)
def test_wrong_options_are_refused(
    arguments: list[str], words: str, half_plus_two: Path, tmp_path: Path
) -> None:
    move_in(half_plus_two, tmp_path, 1)
    (tmp_path / "cert.pem").touch()
    ended = call("model-server", *arguments, cwd=tmp_path)
    assert ended.returncode == 2
    assert words in ended.stderr
