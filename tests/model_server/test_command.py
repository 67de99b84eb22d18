"""The real command in a separate process."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import grpc
import httpx2
import pytest
from google.protobuf import text_format

from benchmarks.servers import Server, model_server
from facedetect.errors import InvalidSettings
from facedetect.model_server.development_server import ModelServer, ServerAddress
from facedetect.model_server.model_config import read_model_config, version_policy
from facedetect.model_server.versioned_model import VersionedModel
from facedetect.tfserving import serving_pb2 as pb
from tests.model_server.clients import Client, held_call, spec_of
from tests.model_server.models import move_in
from tests.processes import call


def test_options_and_sigterm(half_plus_two: Path, tmp_path: Path) -> None:
    """In one process, since TensorFlow takes long to start."""
    folder = tmp_path / "m"
    for version in (1, 2):
        move_in(half_plus_two, folder, version)
    config = tmp_path / "models.config"
    config.write_text(
        f"""model_config_list {{
            config {{
                name: 'm' base_path: '{folder}' model_platform: 'tensorflow'
                model_version_policy {{ specific {{ versions: 1 versions: 2 }} }}
                version_labels {{ key: 'stable' value: 1 }}
            }}
            config {{ name: 'other' base_path: '{folder}' }}
        }}"""
    )
    options = [f"--model_config_file={config}", "--enable_batching", "--grpc_max_threads=64"]
    with model_server(None, *options, "--wait-for-model", name="m") as server:
        client = Client(server.port)
        check_options(server, client, folder)
        check_sigterm(server, client, tmp_path)


def check_options(server: Server, client: Client, folder: Path) -> None:
    assert client.half_plus_two(1, spec_of(label="stable"))[0] == 1
    assert client.half_plus_two(1)[0] == 2
    assert [status.version for status in client.statuses()] == [2, 1]
    assert [status.version for status in client.statuses(spec_of("other"))] == [2]
    url = f"http://127.0.0.1:{server.rest_port}/v1/models/other:predict"
    assert httpx2.post(url, json={"inputs": [1]}).json() == {"outputs": [2.5]}
    for address, option in (
        (ServerAddress(port=server.port, rest_port=None), "--port"),
        (ServerAddress(port=0, rest_port=server.rest_port), "--rest-port"),
    ):
        with pytest.raises(InvalidSettings, match=f"choose another {option}"):
            ModelServer([VersionedModel("m", folder)], address)


def check_sigterm(server: Server, client: Client, folder: Path) -> None:
    """It finishes calls in progress and rejects new ones."""
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
    server = ModelServer([model], ServerAddress(port=0, rest_port=0), grace_s=0.1)
    server.start()
    with held_call(Client(server.port), tmp_path) as held:
        server.stop()
        assert isinstance(held.answer.exception(), grpc.RpcError)


CONFIG = "config { name: 'm' base_path: '/m' } "


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model_config {", "cannot be read: .* write it as model_config_list"),
        ("", "names 0 models"),
        ("model_config_list { config { name: 'm' } }", "both are required"),
        (f"model_config_list {{ {2 * CONFIG} }}", "names 2 models"),
    ],
)
def test_a_file_that_configures_no_models_is_refused(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "models.config").write_text(text)
    with pytest.raises(InvalidSettings, match=words):
        read_model_config(tmp_path / "models.config")


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [
        ("", {9}),
        ("latest { num_versions: 2 }", {7, 9}),
        ("all {}", {3, 7, 9}),
        ("specific { versions: 3 versions: 4 }", {3}),
    ],
)
def test_a_version_policy_selects_as_in_tensorflow_serving(policy: str, wanted: set[int]) -> None:
    config = pb.ModelConfig()
    text_format.Parse(f"model_version_policy {{ {policy} }}", config)
    assert version_policy(config.model_version_policy)({3, 7, 9}) == wanted


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--versions", "newest"], "'newest' is not valid; give latest"),
        (["--label", "stable"], "'stable' is not NAME=VALUE"),
        (["--tls-cert", "cert.pem"], "go together"),
        (["1"], "is a version folder; give the folder that contains it"),
        ([".", "--model_base_path=."], "exclude each other; give one"),
        (["--model_base_pat=x"], "No such option"),
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
