"""The steps of TensorFlow Serving tutorials, against both servers."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc
import httpx2
import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from benchmarks.servers import TENSORFLOW_SERVING, Server, tensorflow_serving
from facedetect import DetectionParams, Detector
from facedetect.cli.exit_codes import EXIT_CODES
from facedetect.errors import BackendUnavailable
from facedetect.images import BGRImage, encode_image
from facedetect.model import tensorflow as tf
from facedetect.model_ref import ModelRef
from facedetect.model_server.development_server import ModelServer
from facedetect.model_server.model_config import read_model_config
from facedetect.tfserving.api import ServingClient
from facedetect.tfserving.grpc_client import GrpcClient
from facedetect.tfserving.rest_client import RestClient
from tests.conftest import ASTRONAUT, skip_or_fail
from tests.model_servers import serving
from tests.processes import call
from tests.tutorial_models import save_mtcnn

tf1 = tf.compat.v1
AnyServer = ModelServer | Server
PAGE = Path(__file__).parents[2] / "docs/serving-other-models.md"
APP = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
WORDS = ("good", "bad", "film")


def save_half_plus_two(folder: Path) -> None:
    with tf.Graph().as_default(), tf1.Session() as session:
        x = tf1.placeholder(tf.float32, [None], "x")
        a, b = (tf1.get_variable(n, initializer=v) for n, v in (("a", 0.5), ("b", 2.0)))
        session.run(tf1.global_variables_initializer())
        tf1.saved_model.simple_save(session, str(folder), {"x": x}, {"y": tf.add(a * x, b)})


def train_sentiment(folder: Path) -> None:
    """Train a logistic regression on word counts, and save a checkpoint."""
    with tf.Graph().as_default(), tf1.Session() as session:
        inputs = tf1.placeholder(tf.float32, [None, len(WORDS)], "inputs")
        labels = tf1.placeholder(tf.float32, [None], "labels")
        weights = tf1.get_variable("weights", [len(WORDS), 1], initializer=tf1.zeros_initializer())
        outputs = tf.sigmoid(tf.squeeze(inputs @ weights, axis=1), name="prediction/Sigmoid")
        loss = tf.reduce_mean((outputs - labels) ** 2)
        train = tf1.train.AdamOptimizer(0.5).minimize(loss)
        session.run(tf1.global_variables_initializer())
        counts = np.array([[1, 0, 1], [0, 1, 1], [2, 0, 0], [0, 1, 0]], np.float32)
        for _ in range(30):
            session.run(train, {inputs: counts, labels: [1, 0, 1, 0]})
        folder.mkdir()
        tf1.train.Saver().save(session, str(folder / "model.ckpt"), global_step=30)


def freeze_colours(path: Path) -> None:
    """A frozen classifier for a picture's dominant colour."""
    with tf.Graph().as_default() as graph:
        images = tf1.placeholder(tf.float32, [None, 32, 32, 3], "images")
        tf.nn.softmax(10 * tf.reduce_mean(images, axis=[1, 2]), name="scores")
    path.write_bytes(graph.as_graph_def().SerializeToString())


@pytest.fixture(scope="module")
def config(frozen: Path, cold_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All models, made as in tutorials, in one config file for the server."""
    folder = tmp_path_factory.mktemp("models")
    save_mtcnn(frozen, folder / "article" / "1")
    save_half_plus_two(folder / "half_plus_two" / "1")
    train_sentiment(folder / "checkpoint")
    freeze_colours(folder / "colours.pb")
    for source, name, given, found in (
        ("checkpoint", "sentiment", "inputs=inputs:0", "outputs=prediction/Sigmoid:0"),
        ("colours.pb", "colours", "images=images:0", "scores=scores:0"),
    ):
        seen = json.loads(call("inspect", source, "--json", cwd=folder).stdout)
        assert given.split("=")[1] in {tensor["name"] for tensor in seen["inputs"]}
        assert [tensor["name"] for tensor in seen["outputs"]] == [found.split("=")[1]]
        ended = call("convert", source, name, "--input", given, "--output", found, cwd=folder)
        assert ended.returncode == 0, ended.stderr
    bases = {name: folder / name for name in ("article", "half_plus_two", "sentiment", "colours")}
    bases["mtcnn"] = cold_model
    entries = [
        f"config {{ name: '{name}' base_path: '{base}' model_platform: 'tensorflow' }}"
        for name, base in bases.items()
    ]
    path = folder / "models.config"
    path.write_text(f"model_config_list {{ {' '.join(entries)} }}")
    return path


@pytest.fixture(scope="module", params=["model-server", "tensorflow serving"])
def server(request: pytest.FixtureRequest) -> Iterator[AnyServer]:
    if request.param != "model-server" and TENSORFLOW_SERVING is None:
        skip_or_fail("serving", "tensorflow_model_server is not on PATH")
    config = request.getfixturevalue("config")
    if request.param == "model-server":
        with serving(*read_model_config(config)) as development_server:
            yield development_server
        return
    with tensorflow_serving(config) as running:
        yield running


def rest_url(server: AnyServer, model: str) -> str:
    return f"http://127.0.0.1:{server.rest_port}/v1/models/{model}:predict"


def test_mtcnn_from_a_frozen_graph_to_a_saved_model_to_a_client(
    server: AnyServer, astronaut: BGRImage
) -> None:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "article"
    request.model_spec.signature_name = "serving_default"
    request.inputs["input"].CopyFrom(tf.make_tensor_proto(astronaut, tf.float32))
    request.inputs["min_size"].CopyFrom(tf.make_tensor_proto(40.0))
    request.inputs["thresholds"].CopyFrom(tf.make_tensor_proto([0.6, 0.7, 0.7]))
    request.inputs["factor"].CopyFrom(tf.make_tensor_proto(0.709))
    unlimited = [("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(f"127.0.0.1:{server.port}", unlimited) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        result = stub.Predict(request, timeout=60)
    (box,) = np.array(result.outputs["box"].float_val).reshape(-1, 4)
    with Detector(f"grpc://127.0.0.1:{server.port}/article") as detector:
        (face,) = detector.detect(astronaut, DetectionParams(min_size=40))
    assert [face.box.y_min, face.box.x_min] == pytest.approx(box[:2].tolist(), abs=1e-3)


def test_mtcnn_of_a_tutorial_by_the_command_and_another_model_not(config: Path) -> None:
    ended = call("detect", ASTRONAUT, f"--backend=savedmodel:{config.parent / 'article'}")
    assert ended.returncode == 0, ended.stderr
    assert "1 face" in ended.stdout
    ended = call("detect", ASTRONAUT, f"--backend=savedmodel:{config.parent / 'half_plus_two'}")
    assert ended.returncode == EXIT_CODES[BackendUnavailable]
    words = " ".join(ended.stderr.split())
    assert "its signature serving_default lacks an image input" in words
    assert "`facedetect convert` builds a suitable model" in words


def test_the_image_alone_over_rest_in_rows(server: AnyServer) -> None:
    image = base64.b64encode(ASTRONAUT.read_bytes()).decode()
    black = base64.b64encode(encode_image(np.zeros((50, 60, 3), np.uint8), ".png")).decode()
    for instances in (
        [{"b64": image}, {"b64": black}],
        [{"image_bytes": {"b64": image}}, {"image_bytes": {"b64": black}}],
    ):
        body = {"signature_name": "serving_bytes", "instances": instances}
        answer = httpx2.post(rest_url(server, "mtcnn"), json=body, timeout=60).json()
        face, nothing = answer["predictions"]
        assert (face["count"], nothing["count"]) == (1, 0)
        assert 150 < face["box"][0][1] < 200
    refused = httpx2.post(rest_url(server, "mtcnn"), json={"instances": [{"b64": image}]})
    assert refused.status_code == 400


def test_the_image_alone_from_our_clients(server: AnyServer) -> None:
    black = encode_image(np.zeros((50, 60, 3), np.uint8), ".png")
    clients: list[ServingClient] = [
        GrpcClient(f"127.0.0.1:{server.port}"),
        RestClient(f"http://127.0.0.1:{server.rest_port}"),
    ]
    for client in clients:
        with closing(client):
            for contents, count in ([ASTRONAUT.read_bytes()] * 2, 1), ([black] * 2, 0):
                found = client.predict(
                    ModelRef("mtcnn"),
                    {"image_bytes": np.array(contents, object)},
                    signature="serving_bytes",
                    timeout_s=60,
                ).outputs
                assert found["count"].tolist() == [count, count]
                assert found["box"].shape == (2, count, 4)


def test_parameters_may_be_left_out_over_grpc(server: AnyServer, astronaut: BGRImage) -> None:
    with closing(GrpcClient(f"127.0.0.1:{server.port}")) as client:
        found = client.predict(
            ModelRef("mtcnn"), {"input": astronaut}, signature="serving_uint8", timeout_s=60
        )
    assert found.outputs["box"].shape == (1, 4)


def test_a_checkpoint_to_a_saved_model_to_a_client_to_a_json_api(server: AnyServer) -> None:
    api = FastAPI()
    client = GrpcClient(f"127.0.0.1:{server.port}")

    @api.get("/sentiment")
    def sentiment(text: str) -> dict[str, float]:
        counts = [[text.split().count(word) for word in WORDS]]
        inputs = {"inputs": np.array(counts, np.float32)}
        found = client.predict(ModelRef("sentiment"), inputs, timeout_s=20)
        return {"positive": float(found.outputs["outputs"][0])}

    with closing(client), TestClient(api) as browser:
        scores = [
            browser.get("/sentiment", params={"text": text}).json()["positive"]
            for text in ("a good film", "a bad film")
        ]
    assert scores[0] > 0.8
    assert scores[1] < 0.2


def test_half_plus_two_with_curl(server: AnyServer) -> None:
    command = ["curl", "-s", "-d", '{"instances": [1.0, 2.0, 5.0]}']
    ended = subprocess.run(
        [*command, rest_url(server, "half_plus_two")], check=True, capture_output=True, text=True
    )
    assert json.loads(ended.stdout) == {"predictions": [2.5, 3.0, 4.5]}
    status = httpx2.get(rest_url(server, "half_plus_two").removesuffix(":predict")).json()
    assert status["model_version_status"][0]["state"] == "AVAILABLE"


def test_a_frozen_graph_with_encode_and_decode(server: AnyServer) -> None:
    """Run the page's app as written, except for the server's port."""
    (code,) = APP
    namespace: dict[str, Any] = {}
    exec(compile(code.replace("8500", str(server.port)), str(PAGE), "exec"), namespace)  # noqa: S102
    blue: BGRImage = np.full((40, 60, 3), (250, 20, 10), np.uint8)
    with closing(namespace["client"]), TestClient(namespace["app"]) as browser:
        picture = encode_image(blue, ".png")
        scores = browser.post("/classify", files={"picture": picture}).json()
        assert max(scores, key=scores.get) == "blue"
        assert sum(scores.values()) == pytest.approx(1, abs=1e-4)
        namespace["client"].close()
        refused = browser.post("/classify", files={"picture": picture})
        assert refused.status_code == 503
        assert "closed" in refused.json()["error"]
