"""PredictionService and ModelService over gRPC, and gRPC's own health and reflection."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from facedetect.errors import InvalidSettings
from facedetect.model_server.prediction_service import PredictCall, PredictionService
from facedetect.model_server.service_descriptors import SERVICES, describe_services
from facedetect.model_server.serving_errors import error_message, grpc_code
from facedetect.model_server.tensor_codec import decode_inputs, encode_outputs
from facedetect.tfserving import serving_pb2 as pb

_THREADS = 64

# Without a deadline, gRPC for Python reports centuries of remaining time.
_NO_DEADLINE_S = 10**9

_OPTIONS = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # Fail if the port is in use, instead of sharing it.
    ("grpc.so_reuseport", 0),
    # Let clients send keepalive pings on idle connections.
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 1_000),
    ("grpc.http2.max_ping_strikes", 0),
]


@dataclass(frozen=True)
class ServerTLS:
    """The server's certificate and its key, as PEM files."""

    cert_file: Path
    key_file: Path

    def credentials(self) -> grpc.ServerCredentials:
        """Raises OSError if a file cannot be read."""
        return grpc.ssl_server_credentials(
            [(self.key_file.read_bytes(), self.cert_file.read_bytes())]
        )


class GrpcServer:
    """Serves gRPC on `host` and `port`; for port 0, `port` is the one chosen."""

    def __init__(
        self,
        service: PredictionService,
        host: str,
        port: int,
        tls: ServerTLS | None = None,
        max_calls: int | None = None,
    ) -> None:
        """Bind the port. More than `max_calls` at a time are rejected with RESOURCE_EXHAUSTED.

        Raises InvalidSettings if it is in use, OSError if a TLS file cannot be read.
        """
        self._server = grpc.server(
            ThreadPoolExecutor(_THREADS, "grpc"),
            options=_OPTIONS,
            maximum_concurrent_rpcs=max_calls,
        )
        self._server.add_generic_rpc_handlers(_handlers(service))
        # As in TensorFlow Serving, SERVING regardless of the models' states.
        health_pb2_grpc.add_HealthServicer_to_server(health.HealthServicer(), self._server)
        names = [*SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME]
        reflection.enable_server_reflection(names, self._server, describe_services())
        self.port = _bind(self._server, host, port, tls)

    def start(self) -> None:
        self._server.start()

    def stop(self, grace_s: float) -> Callable[[], Any]:
        """Reject new calls; returns a function that waits up to `grace_s` for those in progress."""
        return partial(self._server.stop(grace_s).wait)


def _bind(server: grpc.Server, host: str, port: int, tls: ServerTLS | None) -> int:
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        if tls is None:
            return int(server.add_insecure_port(address))
        return int(server.add_secure_port(address, tls.credentials()))
    except RuntimeError as error:
        raise InvalidSettings(
            f"gRPC cannot listen on {address}; choose another --port, or 0 for any free port"
        ) from error


def _handlers(service: PredictionService) -> list[grpc.GenericRpcHandler]:
    """Return TensorFlow Serving's services under its names; our messages have the same bytes."""
    prediction: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "Predict": grpc.unary_unary_rpc_method_handler(
            lambda request, context: _answer(
                context, partial(_predict, service, request, _deadline(context))
            ),
            pb.PredictRequest.FromString,
            pb.PredictResponse.SerializeToString,
        ),
        "Classify": _refuse_examples(service, "classify"),
        "Regress": _refuse_examples(service, "regress"),
        "GetModelMetadata": grpc.unary_unary_rpc_method_handler(
            lambda request, context: _answer(context, partial(service.metadata, request)),
            pb.GetModelMetadataRequest.FromString,
            pb.GetModelMetadataResponse.SerializeToString,
        ),
    }
    model: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "GetModelStatus": grpc.unary_unary_rpc_method_handler(
            lambda request, context: _answer(context, partial(service.status, request)),
            pb.GetModelStatusRequest.FromString,
            pb.GetModelStatusResponse.SerializeToString,
        ),
        "HandleReloadConfigRequest": grpc.unary_unary_rpc_method_handler(_refuse_reload),
    }
    return [
        grpc.method_handlers_generic_handler(name, methods)
        for name, methods in zip(SERVICES, (prediction, model), strict=True)
    ]


def _refuse_examples(service: PredictionService, method: str) -> grpc.RpcMethodHandler[Any, Any]:
    """Reject the method; only the request's model_spec is read, whose number all requests share."""
    return grpc.unary_unary_rpc_method_handler(
        lambda request, context: _answer(
            context, partial(service.refuse_examples, request.model_spec, method)
        ),
        pb.GetModelStatusRequest.FromString,
    )


def _refuse_reload(_: bytes, context: grpc.ServicerContext) -> None:
    context.abort(
        grpc.StatusCode.UNIMPLEMENTED,
        "this development server cannot reload; restart it with other options",
    )


def _predict(
    service: PredictionService, request: pb.PredictRequest, deadline: float | None
) -> pb.PredictResponse:
    call = PredictCall(
        request.model_spec,
        partial(decode_inputs, request.inputs),
        "GRPC",
        request.output_filter,
        deadline,
    )
    result = service.predict(call)
    return pb.PredictResponse(model_spec=result.spec, outputs=encode_outputs(result.outputs))


def _deadline(context: grpc.ServicerContext) -> float | None:
    left_s = context.time_remaining()
    return None if left_s is None or left_s > _NO_DEADLINE_S else time.monotonic() + left_s


def _answer(context: grpc.ServicerContext, act: Callable[[], Any]) -> Any:
    try:
        return act()
    except Exception as error:  # noqa: BLE001 - every error has a code
        context.abort(grpc_code(error), error_message(error))
