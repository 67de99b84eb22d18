"""Both clients against real servers, with models that have nothing to do with faces."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager, suppress

import grpc
import numpy as np
import pytest
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from benchmarks.servers import Server, model_server
from facedetect.model import tensorflow as tf
from facedetect.tfserving.api import Code, Model, ServingClient, ServingError, State
from facedetect.tfserving.grpc_client import GrpcClient
from facedetect.tfserving.rest_client import RestClient

HALF = Model("half_plus_two")
X = {"x": np.array([1.0, 2.0, 5.0], np.float32)}


class HalfPlusTwo(tf.Module):  # type: ignore[misc]
    """TensorFlow Serving's own example, and a signature of strings and several outputs."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def predict(self, x):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
        return {"y": x / 2 + 2}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text")])
    def count(self, text):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
        length = tf.strings.length(text)
        return {"length": length, "upper": tf.strings.upper(text), "is_long": length > 2}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("models") / "half_plus_two"
    module = HalfPlusTwo()
    signatures = {"serving_default": module.predict, "count": module.count}
    for version in ("1", "2"):
        tf.saved_model.save(module, str(folder / version), signatures=signatures)
    options = ["--versions", "all", "--label", "stable=1"]
    with model_server(folder, *options, name="half_plus_two") as running:
        yield running


@pytest.fixture(params=["grpc", "rest"])
def client(request: pytest.FixtureRequest, server: Server) -> Iterator[ServingClient]:
    made: ServingClient
    if request.param == "grpc":
        made = GrpcClient(f"127.0.0.1:{server.port}")
    else:
        made = RestClient(f"http://127.0.0.1:{server.rest_port}")
    yield made
    made.close()


def test_half_plus_two(client: ServingClient) -> None:
    found = client.predict(HALF, X, timeout_s=20)
    assert list(found.outputs) == ["y"]
    assert found.outputs["y"].dtype == np.float32
    assert found.outputs["y"].tolist() == [2.5, 3.0, 4.5]
    assert found.version == 2


def test_nothing_in_and_nothing_out(client: ServingClient) -> None:
    found = client.predict(HALF, {"x": np.zeros(0, np.float32)}, timeout_s=20)
    assert found.outputs["y"].shape == (0,)
    assert found.outputs["y"].dtype == np.float32


def test_strings_integers_and_booleans(client: ServingClient) -> None:
    text = {"text": np.array([b"a", b"face"], object)}
    found = client.predict(HALF, text, signature="count", timeout_s=20).outputs
    assert found["length"].tolist() == [1, 4]
    assert found["upper"].tolist() == [b"A", b"FACE"]
    assert found["is_long"].tolist() == [False, True]
    assert [found[name].dtype for name in ("length", "upper", "is_long")] == [np.int32, "O", "?"]
    some = client.predict(HALF, text, signature="count", outputs=["length"], timeout_s=20)
    assert set(some.outputs) == {"length"}


@pytest.mark.parametrize(
    ("model", "version"),
    [(HALF, 2), (Model("half_plus_two", 1), 1), (Model("half_plus_two", label="stable"), 1)],
)
def test_versions_and_labels(client: ServingClient, model: Model, version: int) -> None:
    assert client.predict(model, X, timeout_s=20).version == version
    assert client.metadata(model, timeout_s=20).version == version


def test_metadata_lists_the_signatures(client: ServingClient) -> None:
    signatures = client.metadata(HALF, timeout_s=20).signatures
    assert {"serving_default", "count"} <= set(signatures)
    x = signatures["serving_default"].inputs["x"]
    assert (x.dtype, x.shape) == (np.dtype(np.float32), (None,))
    assert signatures["count"].outputs["upper"].dtype == np.dtype(object)
    assert signatures["count"].method_name == "tensorflow/serving/predict"


def test_status_lists_the_versions_latest_first(client: ServingClient) -> None:
    statuses = client.status(HALF, timeout_s=20)
    assert [(s.version, s.state) for s in statuses] == [(2, State.AVAILABLE), (1, State.AVAILABLE)]
    (first,) = client.status(Model("half_plus_two", 1), timeout_s=20)
    assert (first.version, first.code) == (1, Code.OK)


@pytest.mark.parametrize(
    ("model", "inputs", "signature", "code"),
    [
        (Model("whole_plus_two"), X, "serving_default", Code.NOT_FOUND),
        (Model("half_plus_two", 9), X, "serving_default", Code.NOT_FOUND),
        (HALF, {"z": X["x"]}, "serving_default", Code.INVALID_ARGUMENT),
        (Model("half_plus_two", label="unknown"), X, "serving_default", Code.INVALID_ARGUMENT),
    ],
)
def test_refusals_have_their_codes(
    client: ServingClient,
    model: Model,
    inputs: dict[str, np.ndarray],
    signature: str,
    code: Code,
) -> None:
    with pytest.raises(ServingError) as caught:
        client.predict(model, inputs, signature=signature, timeout_s=20)
    assert caught.value.code is code
    assert client.predict(HALF, X, timeout_s=20).version == 2, "the next call works"


def test_signatures_and_outputs_that_are_not_there_are_refused(client: ServingClient) -> None:
    refusals = {Code.INVALID_ARGUMENT, Code.FAILED_PRECONDITION}
    for signature, outputs in (("regress", []), ("serving_default", ["z"])):
        with pytest.raises(ServingError) as caught:
            client.predict(HALF, X, signature=signature, outputs=outputs, timeout_s=20)
        assert caught.value.code in refusals


def test_numbers_that_are_not_finite_pass(client: ServingClient) -> None:
    x = np.array([np.nan, np.inf, -np.inf], np.float32)
    found = client.predict(HALF, {"x": x}, timeout_s=20).outputs["y"]
    assert np.array_equal(found, x, equal_nan=True)


def test_a_closed_client_says_so(server: Server) -> None:
    clients: list[ServingClient] = [
        GrpcClient(f"127.0.0.1:{server.port}"),
        RestClient(f"http://127.0.0.1:{server.rest_port}"),
    ]
    for client in clients:
        client.predict(HALF, X, timeout_s=20)
        client.close()
        with pytest.raises(ServingError, match="closed"):
            client.predict(HALF, X, timeout_s=20)


def opened(protocol: str, place: str) -> ServingClient:
    return GrpcClient(place) if protocol == "grpc" else RestClient(f"http://{place}")


@pytest.mark.parametrize("protocol", ["grpc", "rest"])
def test_closing_ends_calls_under_way(protocol: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, futures.ThreadPoolExecutor(1) as pool:
        client = opened(protocol, f"127.0.0.1:{silent.getsockname()[1]}")
        started = time.monotonic()
        call = pool.submit(client.predict, HALF, X, timeout_s=30)
        time.sleep(0.5)
        client.close()
        assert isinstance(call.exception(), ServingError)
        assert time.monotonic() - started < 5


@pytest.mark.parametrize("protocol", ["grpc", "rest"])
def test_a_program_that_forgets_to_close_ends_all_the_same(protocol: str) -> None:
    code = (
        f"from tests.tfserving.test_clients import HALF, ServingError, opened\n"
        f"client = opened({protocol!r}, '127.0.0.1:1')\n"
        f"try:\n    client.status(HALF, timeout_s=0.2)\n"
        f"except ServingError:\n    print('refused')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    )
    assert ended.stdout == "refused\n"


@contextmanager
def raw_server(*pieces: bytes, pause_s: float) -> Iterator[str]:
    """Answers each connection with these pieces, slowly."""

    def answer() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                connection.recv(65536)
                for piece in pieces:
                    connection.sendall(piece)
                    time.sleep(pause_s)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=answer, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def test_an_answer_that_drips_does_not_outlast_the_deadline() -> None:
    with raw_server(b"HTTP/1.1 200 OK\r\n", *[b"X-Slow: y\r\n"] * 50, pause_s=0.1) as place:
        client = RestClient(f"http://{place}")
        started = time.monotonic()
        with pytest.raises(ServingError) as caught:
            client.status(HALF, timeout_s=0.5)
        assert caught.value.code is Code.DEADLINE_EXCEEDED
        assert time.monotonic() - started < 2
        client.close()


@pytest.mark.parametrize(
    "body", [b"[]", b"{}", b"no JSON", b'{"model_version_status": [[]]}', b'{"outputs": [300]}']
)
def test_answers_that_are_not_the_apis_are_data_loss(body: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    with raw_server(head + body, pause_s=0) as place:
        client = RestClient(f"http://{place}")
        for call in (client.status, client.metadata):
            with pytest.raises(ServingError) as caught:
                call(HALF, timeout_s=5)
            assert caught.value.code is Code.DATA_LOSS
        client.close()


@pytest.mark.parametrize("protocol", ["grpc", "rest"])
def test_every_call_ends_at_its_deadline(protocol: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        client = opened(protocol, place)
        calls: list[Callable[[], object]] = [
            lambda: client.predict(HALF, X, timeout_s=0.3),
            lambda: client.metadata(HALF, timeout_s=0.3),
            lambda: client.status(HALF, timeout_s=0.3),
        ]
        for call in calls:
            started = time.monotonic()
            with pytest.raises(ServingError) as caught:
                call()
            assert caught.value.code is Code.DEADLINE_EXCEEDED
            assert time.monotonic() - started < 2
        client.close()


def test_a_server_that_is_not_there_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        place = f"127.0.0.1:{gone.getsockname()[1]}"
    clients: list[ServingClient] = [GrpcClient(place), RestClient(f"http://{place}")]
    for client in clients:
        started = time.monotonic()
        with pytest.raises(ServingError) as caught:
            client.predict(HALF, X, timeout_s=30)
        assert caught.value.code is Code.UNAVAILABLE
        assert time.monotonic() - started < 10
        client.close()


class Scripted(prediction_service_pb2_grpc.PredictionServiceServicer):  # type: ignore[misc]
    """Fails with the given codes, one a call, then answers."""

    def __init__(self, *codes: grpc.StatusCode) -> None:
        self.codes = list(codes)
        self.calls = 0

    def Predict(  # noqa: N802 - the service's name
        self, _: predict_pb2.PredictRequest, context: grpc.ServicerContext
    ) -> predict_pb2.PredictResponse:
        self.calls += 1
        if self.codes:
            context.abort(self.codes.pop(0), "as the script says")
        return predict_pb2.PredictResponse()


@contextmanager
def scripted(*codes: grpc.StatusCode) -> Iterator[tuple[Scripted, GrpcClient]]:
    servicer = Scripted(*codes)
    server = grpc.server(
        futures.ThreadPoolExecutor(2), options=[("grpc.max_receive_message_length", -1)]
    )
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    client = GrpcClient(f"127.0.0.1:{port}")
    try:
        yield servicer, client
    finally:
        client.close()
        server.stop(None)


def test_what_is_unavailable_is_asked_again_with_large_requests_too() -> None:
    unavailable = [grpc.StatusCode.UNAVAILABLE] * 3
    large = {"x": np.zeros(4_000_000, np.float32)}
    with scripted(*unavailable) as (servicer, client):
        assert client.predict(HALF, large, timeout_s=20).outputs == {}
        assert servicer.calls == 4


@pytest.mark.parametrize(
    "code", [grpc.StatusCode.INTERNAL, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNKNOWN]
)
def test_nothing_else_is_asked_again(code: grpc.StatusCode) -> None:
    with scripted(code) as (servicer, client):
        with pytest.raises(ServingError, match="as the script says") as caught:
            client.predict(HALF, X, timeout_s=20)
        assert caught.value.code.value == code.value[0]
        assert servicer.calls == 1


def test_trying_again_ends_at_the_deadline() -> None:
    with scripted(*[grpc.StatusCode.UNAVAILABLE] * 100) as (_, client):
        started = time.monotonic()
        with pytest.raises(ServingError):
            client.predict(HALF, X, timeout_s=0.2)
        assert time.monotonic() - started < 2


def test_a_model_has_a_version_or_a_label() -> None:
    with pytest.raises(ValueError, match="not both"):
        Model("m", 1, "stable")
    for version in (-1, 2**63):
        with pytest.raises(ValueError, match="a version is from 0"):
            Model("m", version)


@pytest.mark.parametrize("label", ["..", ".", ""])
def test_labels_do_not_lead_elsewhere_in_a_path(server: Server, label: str) -> None:
    client = RestClient(f"http://127.0.0.1:{server.rest_port}")
    with pytest.raises(ServingError, match="dots alone"):
        client.predict(Model("half_plus_two", label=label), X, timeout_s=20)
    client.close()
