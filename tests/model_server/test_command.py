"""The real command in a process of its own."""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import httpx2
import numpy as np
import pytest
from tensorflow_serving.apis.model_pb2 import ModelSpec

from benchmarks.servers import model_server
from facedetect.errors import InvalidSettings
from facedetect.model import tensorflow as tf
from facedetect.model_server.development_server import ModelServer, ServerAddress
from facedetect.model_server.versioned_model import VersionedModel
from tests.conftest import ASTRONAUT
from tests.model_server.clients import Client, spec_of
from tests.model_server.models import move_in
from tests.model_server.test_versions import iterations_taking
from tests.processes import run


def test_it_serves_the_built_in_model() -> None:
    spec = ModelSpec(name="mtcnn", signature_name="serving_bytes")
    inputs = {
        "image_bytes": ASTRONAUT.read_bytes(),
        "min_size": np.float32(40),
        "thresholds": np.array([0.6, 0.7, 0.7], np.float32),
        "factor": np.float32(0.709),
    }
    with model_server() as server:
        client = Client(server.port)
        found = client.predict(inputs, spec).outputs
        assert tf.make_ndarray(found["box"]).shape == (1, 4)
        with pytest.raises(grpc.RpcError, match="factor must be from") as caught:
            client.predict({**inputs, "factor": np.float32(1.5)}, spec)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "assertion failed: [factor must be from 0.1" in str(caught.value.details())
        assert "Graph execution error" not in str(caught.value.details())


def test_sigterm_lets_calls_end(half_plus_two: Path, tmp_path: Path) -> None:
    move_in(half_plus_two, tmp_path, 1)
    with model_server(tmp_path, name="m") as server, ThreadPoolExecutor(1) as pool:
        client = Client(server.port)
        n = iterations_taking(client, 2)
        long_call = pool.submit(client.count, n)
        time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        assert long_call.result().outputs["n"].int_val[0] == n
        assert server.process.wait(10) == 0
        with pytest.raises(grpc.RpcError) as caught:
            client.half_plus_two(1)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_sigterm_ends_calls_without_an_end(half_plus_two: Path, tmp_path: Path) -> None:
    move_in(half_plus_two, tmp_path, 1)
    with model_server(tmp_path, name="m") as server, ThreadPoolExecutor(1) as pool:
        endless = pool.submit(Client(server.port).count, 2**31 - 1, timeout_s=60)
        time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        with pytest.raises(grpc.RpcError):
            endless.result()
        assert server.process.wait(15) == 0


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
    ended = run("model-server", *arguments, cwd=tmp_path)
    assert ended.returncode == 2
    assert words in ended.stderr
