"""Both clients with servers that are silent, slow, gone, closed, or send invalid answers."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, repeat

import grpc
import numpy as np
import pytest
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from facedetect.model_ref import ModelRef
from facedetect.tfserving.api import ServingClient, ServingError
from facedetect.tfserving.grpc_client import GrpcClient
from facedetect.tfserving.rest_client import RestClient
from facedetect.tfserving.serving_pb2 import Code, ModelVersionStatus
from facedetect.tfserving.tensor_proto import dtype_of, from_proto

HALF = ModelRef("half_plus_two")
BUSY = grpc.StatusCode.RESOURCE_EXHAUSTED
X = {"x": np.array([1.0, 2.0, 5.0], np.float32)}


def opened(protocol: str, place: str) -> ServingClient:
    return GrpcClient(place) if protocol == "grpc" else RestClient(f"http://{place}")


@pytest.mark.parametrize("protocol", ["grpc", "rest"])
def test_closing_ends_calls_under_way(protocol: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, futures.ThreadPoolExecutor(1) as pool:
        client = opened(protocol, f"127.0.0.1:{silent.getsockname()[1]}")
        call = pool.submit(client.predict, HALF, X, timeout_s=600)
        connection, _ = silent.accept()  # the call is under way
        with connection:
            client.close()
            assert isinstance(call.exception(60), ServingError)


@pytest.mark.parametrize(
    "client",
    ["GrpcClient('127.0.0.1:1')", "RestClient('http://127.0.0.1:1')"],
    ids=["grpc", "rest"],
)
def test_a_program_that_forgets_to_close_ends_all_the_same(client: str) -> None:
    code = f"""
from facedetect.model_ref import ModelRef
from facedetect.tfserving.api import ServingError
from facedetect.tfserving.grpc_client import GrpcClient
from facedetect.tfserving.rest_client import RestClient

client = {client}
try:
    client.status(ModelRef("half_plus_two"), timeout_s=0.2)
except ServingError:
    print("refused")
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    )
    assert ended.stdout == "refused\n"


@contextmanager
def raw_server(pieces: Iterable[bytes], pause_s: float = 0) -> Iterator[str]:
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


@dataclass
class Turns:
    """Gives each connection the next answer."""

    answers: list[bytes]

    def __iter__(self) -> Iterator[bytes]:
        yield self.answers.pop(0)


def test_an_answer_that_drips_does_not_outlast_the_deadline() -> None:
    """It would never end by itself, and each piece comes in time."""
    drip = chain([b"HTTP/1.1 200 OK\r\n"], repeat(b"X-Slow: y\r\n"))
    with raw_server(drip, pause_s=0.1) as place:
        client = RestClient(f"http://{place}")
        with pytest.raises(ServingError) as caught:
            client.status(HALF, timeout_s=0.5)
        assert caught.value.code == Code.DEADLINE_EXCEEDED
        client.close()


@pytest.mark.parametrize(
    "body", [b"[]", b"{}", b"no JSON", b'{"model_version_status": [1]}', b'{"outputs": [300]}']
)
def test_answers_that_are_not_the_apis_are_data_loss(body: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    with raw_server([head + body]) as place:
        client = RestClient(f"http://{place}")
        for call in (client.status, client.metadata):
            with pytest.raises(ServingError) as caught:
                call(HALF, timeout_s=5)
            assert caught.value.code == Code.DATA_LOSS
        client.close()


def test_what_a_newer_server_adds_is_ignored() -> None:
    tensor = {"dtype": "DT_BFLOAT16", "name": "x:0", "quantized": True}
    default = {"dtype": "DT_FLOAT", "version_number": 0, "float_val": [2.5], "scomplex_val": []}
    signature = {
        "inputs": {"x": tensor},
        "outputs": {},
        "method_name": "m",
        "defaults": {"x": {**default, "tensor_shape": {"dim": [], "unknown_rank": False}}},
    }
    answer = {
        "model_spec": {"name": "half_plus_two", "signature_name": "", "version": "7"},
        "metadata": {"signature_def": {"signature_def": {"s": signature}}},
        "model_version_status": [
            {"version": "7", "state": "PAUSED", "status": {"error_code": "OK"}, "since": 1}
        ],
    }
    body = json.dumps(answer).encode()
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    with raw_server([head + body]) as place, closing(RestClient(f"http://{place}")) as c:
        metadata = c.metadata(HALF, timeout_s=5)
        (status,) = c.status(HALF, timeout_s=5)
    assert metadata.version == 7
    assert dtype_of(metadata.signatures["s"].inputs["x"].dtype) is None
    assert from_proto(metadata.signatures["s"].defaults["x"]) == 2.5
    assert (status.version, status.state) == (7, ModelVersionStatus.UNKNOWN)


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
            with pytest.raises(ServingError) as caught:
                call()
            assert caught.value.code == Code.DEADLINE_EXCEEDED
        client.close()


def test_a_server_that_is_not_there_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        place = f"127.0.0.1:{gone.getsockname()[1]}"
    clients: list[ServingClient] = [GrpcClient(place), RestClient(f"http://{place}")]
    for client in clients:
        with pytest.raises(ServingError) as caught:
            client.predict(HALF, X, timeout_s=30)
        assert caught.value.code == Code.UNAVAILABLE, "before the deadline, which has its own code"
        client.close()


class Scripted(prediction_service_pb2_grpc.PredictionServiceServicer):  # type: ignore[misc]
    """Fails with the given codes, one a call, then answers, `pause_s` after the question."""

    def __init__(
        self, *codes: grpc.StatusCode, message: str = "as the script says", pause_s: float = 0
    ) -> None:
        self.codes = list(codes)
        self.message = message
        self.pause_s = pause_s
        self.calls = 0

    def Predict(  # noqa: N802 - the service's name
        self, _: predict_pb2.PredictRequest, context: grpc.ServicerContext
    ) -> predict_pb2.PredictResponse:
        self.calls += 1
        if self.codes:
            context.abort(self.codes.pop(0), self.message)
        time.sleep(self.pause_s)
        return predict_pb2.PredictResponse()


@contextmanager
def serving(servicer: Scripted, max_calls: int | None = None) -> Iterator[int]:
    """The port of a server that refuses more than `max_calls` at a time."""
    server = grpc.server(
        futures.ThreadPoolExecutor(2),
        maximum_concurrent_rpcs=max_calls,
        options=[("grpc.max_receive_message_length", -1)],
    )
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(None)


@contextmanager
def scripted(
    *codes: grpc.StatusCode, message: str = "as the script says"
) -> Iterator[tuple[Scripted, GrpcClient]]:
    servicer = Scripted(*codes, message=message)
    with serving(servicer) as port, closing(GrpcClient(f"127.0.0.1:{port}")) as client:
        yield servicer, client


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
        assert caught.value.code == code.value[0]
        assert servicer.calls == 1


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, BUSY])
def test_trying_again_ends_at_the_deadline(code: grpc.StatusCode) -> None:
    with scripted(*[code] * 100) as (servicer, client), pytest.raises(ServingError):
        client.predict(HALF, X, timeout_s=0.2)
    assert 1 < servicer.calls < 30


def test_a_busy_server_is_asked_more_often_than_one_that_is_gone() -> None:
    with scripted(*[BUSY] * 7) as (servicer, client):
        assert client.predict(HALF, X, timeout_s=20).outputs == {}
    assert servicer.calls == 8


def test_more_callers_than_a_server_has_threads_are_all_served() -> None:
    with (
        serving(Scripted(pause_s=0.02), max_calls=1) as port,
        closing(GrpcClient(f"127.0.0.1:{port}")) as client,
        futures.ThreadPoolExecutor(8) as pool,
    ):
        calls = [pool.submit(client.predict, HALF, X, timeout_s=60) for _ in range(24)]
        assert [call.result().outputs for call in calls] == [{}] * 24


def test_what_one_replica_is_too_busy_for_another_answers() -> None:
    busy, free = Scripted(*[BUSY] * 1000), Scripted()
    with serving(busy) as first, serving(free) as second:
        target = f"ipv4:127.0.0.1:{first},127.0.0.1:{second}"
        with closing(GrpcClient(target)) as client:
            while not busy.calls:  # connections are made one by one
                client.predict(HALF, X, timeout_s=20)
            asked = busy.calls
            for _ in range(10):
                client.predict(HALF, X, timeout_s=20)
    assert free.calls >= 10
    assert busy.calls - asked <= 11, "after a refusal it is the other one's turn"


@pytest.mark.parametrize(
    "message",
    ["OOM when allocating tensor with shape[9,9]", "Received message larger than max (9 vs. 8)"],
)
def test_what_is_too_large_is_not_asked_again(message: str) -> None:
    with (
        scripted(BUSY, message=message) as (servicer, client),
        pytest.raises(ServingError, match="RESOURCE_EXHAUSTED"),
    ):
        client.predict(HALF, X, timeout_s=20)
    assert servicer.calls == 1


@pytest.mark.parametrize("status", [b"429 Too Many Requests", b"503 Service Unavailable"])
def test_over_rest_a_busy_server_is_asked_again(status: bytes) -> None:
    body = b'{"model_version_status": [{"version": "7", "state": "AVAILABLE"}]}'
    head = b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
    turns = Turns([head % (line, len(body)) + body for line in (status, status, status, b"200 OK")])
    with raw_server(turns) as place, closing(RestClient(f"http://{place}")) as client:
        (version,) = client.status(HALF, timeout_s=20)
    assert version.version == 7
    assert not turns.answers
