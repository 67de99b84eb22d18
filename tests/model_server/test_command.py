"""The real command in a process of its own."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import grpc
import httpx2
import numpy as np
import pytest
from tensorflow_serving.apis.model_pb2 import ModelSpec

from benchmarks.servers import Server, model_server
from facedetect.errors import InvalidSettings
from facedetect.model import tensorflow as tf
from facedetect.model_server.development_server import ModelServer, ServerAddress
from facedetect.model_server.versioned_model import VersionedModel
from tests.conftest import ASTRONAUT
from tests.model_server.clients import Client, held_call, spec_of
from tests.model_server.models import move_in
from tests.processes import call


def test_it_serves_the_built_in_model(builtin_server: Server) -> None:
    spec = ModelSpec(name="mtcnn", signature_name="serving_bytes")
    inputs = {
        "image_bytes": ASTRONAUT.read_bytes(),
        "min_size": np.float32(40),
        "thresholds": np.array([0.6, 0.7, 0.7], np.float32),
        "factor": np.float32(0.709),
    }
    client = Client(builtin_server.port)
    found = client.predict(inputs, spec).outputs
    assert tf.make_ndarray(found["box"]).shape == (1, 4)
    with pytest.raises(grpc.RpcError, match="factor must be from") as caught:
        client.predict({**inputs, "factor": np.float32(1.5)}, spec)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "assertion failed: [factor must be from 0.1" in str(caught.value.details())
    assert "Graph execution error" not in str(caught.value.details())


def test_sigterm_lets_calls_end_and_refuses_new_ones(half_plus_two: Path, tmp_path: Path) -> None:
    move_in(half_plus_two, tmp_path / "m", 1)
    with (
        model_server(tmp_path / "m", name="m") as server,
        held_call(Client(server.port), tmp_path) as held,
    ):
        server.process.send_signal(signal.SIGTERM)
        while not refuses_calls(Client(server.port)):
            time.sleep(0.01)
        assert not held.answer.done()
        assert held.let_go().model_spec.version.value == 1
        assert server.process.wait(120) == 0


def refuses_calls(client: Client) -> bool:
    try:
        client.half_plus_two(1)
    except grpc.RpcError as error:
        return bool(error.code() is grpc.StatusCode.UNAVAILABLE)
    return False


def test_sigterm_ends_calls_without_an_end(half_plus_two: Path, tmp_path: Path) -> None:
    move_in(half_plus_two, tmp_path / "m", 1)
    with (
        model_server(tmp_path / "m", name="m") as server,
        held_call(Client(server.port), tmp_path) as held,
    ):
        server.process.send_signal(signal.SIGTERM)
        assert isinstance(held.answer.exception(), grpc.RpcError)
        assert server.process.wait(120) == 0


def test_options(half_plus_two: Path, tmp_path: Path) -> None:
    for version in (1, 2):
        move_in(half_plus_two, tmp_path, version)
    options = ["--versions", "1,2", "--label", "stable=1"]
    with model_server(tmp_path, *options, name="m") as server:
        client = Client(server.port)
        assert client.half_plus_two(1, spec_of(label="stable"))[0] == 1
        assert client.half_plus_two(1)[0] == 2
        url = f"http://127.0.0.1:{server.rest_port}/v1/models/m:predict"
        assert httpx2.post(url, json={"inputs": [1]}).json() == {"outputs": [2.5]}
        for address, option in (
            (ServerAddress(port=server.port, rest_port=None), "--port"),
            (ServerAddress(port=0, rest_port=server.rest_port), "--rest-port"),
        ):
            with pytest.raises(InvalidSettings, match=f"choose another {option}"):
                ModelServer(VersionedModel("m", tmp_path), address)


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
