"""PredictionService and ModelService over gRPC."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import grpc
from tensorflow_serving.apis import (
    model_service_pb2_grpc,
    prediction_service_pb2_grpc,
)
from tensorflow_serving.apis.predict_pb2 import PredictRequest, PredictResponse

from facedetect.errors import InvalidSettings
from facedetect.model_server.calls import Call, Calls
from facedetect.model_server.refusals import code_of, message_of
from facedetect.model_server.tensors import read_inputs, write_tensor

_THREADS = 64

# gRPC for Python tells of a call without a deadline as of one with centuries left.
_ENDLESS_S = 10**9

_OPTIONS = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # A port that is taken is an error, not shared.
    ("grpc.so_reuseport", 0),
    # Clients that look after idle connections are let do so.
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 1_000),
    ("grpc.http2.max_ping_strikes", 0),
]


@dataclass(frozen=True)
class ServerTLS:
    """The server's certificate and its key, files in PEM form."""

    cert_file: Path
    key_file: Path

    def credentials(self) -> grpc.ServerCredentials:
        """Raises OSError if a file cannot be read."""
        return grpc.ssl_server_credentials(
            [(self.key_file.read_bytes(), self.cert_file.read_bytes())]
        )


class GrpcServer:
    """Answers gRPC at `host` and `port`; 0 is any free port, and `port` then says which."""

    def __init__(self, calls: Calls, host: str, port: int, tls: ServerTLS | None = None) -> None:
        """Bind the port; raises InvalidSettings if it is taken, OSError for unreadable files."""
        self._server = grpc.server(ThreadPoolExecutor(_THREADS, "grpc"), options=_OPTIONS)
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
            _PredictionService(calls), self._server
        )
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(
            _ModelService(calls), self._server
        )
        self.port = _bind(self._server, host, port, tls)

    def start(self) -> None:
        self._server.start()

    def stop(self, grace_s: float) -> Callable[[], Any]:
        """Refuse new calls at once; what is returned waits for those under way, `grace_s` long."""
        return partial(self._server.stop(grace_s).wait)


def _bind(server: grpc.Server, host: str, port: int, tls: ServerTLS | None) -> int:
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        if tls is None:
            return int(server.add_insecure_port(address))
        return int(server.add_secure_port(address, tls.credentials()))
    except RuntimeError as error:
        raise InvalidSettings(
            f"gRPC cannot listen on {address}; choose another --port, or 0 for any that is free"
        ) from error


class _PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):  # type: ignore[misc]
    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def Predict(self, request: PredictRequest, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return _answer(context, partial(_predict, self._calls, request, _deadline(context)))

    def GetModelMetadata(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return _answer(context, partial(self._calls.metadata, request))


class _ModelService(model_service_pb2_grpc.ModelServiceServicer):  # type: ignore[misc]
    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def GetModelStatus(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return _answer(context, partial(self._calls.status, request))

    def HandleReloadConfigRequest(self, _: Any, context: grpc.ServicerContext) -> None:  # noqa: N802
        context.abort(
            grpc.StatusCode.UNIMPLEMENTED,
            "this development server has one model; start it again with other options",
        )


def _predict(calls: Calls, request: PredictRequest, deadline: float | None) -> PredictResponse:
    call = Call(
        request.model_spec,
        partial(read_inputs, request.inputs),
        "GRPC",
        request.output_filter,
        deadline,
    )
    prediction = calls.predict(call)
    outputs = {name: write_tensor(array) for name, array in prediction.outputs.items()}
    return PredictResponse(model_spec=prediction.spec, outputs=outputs)


def _deadline(context: grpc.ServicerContext) -> float | None:
    left_s = context.time_remaining()
    return None if left_s is None or left_s > _ENDLESS_S else time.monotonic() + left_s


def _answer(context: grpc.ServicerContext, act: Callable[[], Any]) -> Any:
    try:
        return act()
    except Exception as error:  # noqa: BLE001 - every error has a code to be told by
        context.abort(code_of(error), message_of(error))
