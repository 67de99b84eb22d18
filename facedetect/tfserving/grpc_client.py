"""TensorFlow Serving over gRPC."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from google.protobuf.wrappers_pb2 import Int64Value

from facedetect.model_ref import ModelRef
from facedetect.tfserving import serving_pb2 as pb
from facedetect.tfserving.api import (
    DEFAULT_SIGNATURE,
    Arrays,
    Metadata,
    Prediction,
    ServingError,
    latest_first,
)
from facedetect.tfserving.busy import ask_until_free
from facedetect.tfserving.tensor_proto import from_proto, to_proto

_PREDICT = "/tensorflow.serving.PredictionService/Predict"
_METADATA = "/tensorflow.serving.PredictionService/GetModelMetadata"
_STATUS = "/tensorflow.serving.ModelService/GetModelStatus"

_SIGNATURES_FIELD = "signature_def"

# Retrying is safe, since models are stateless. UNAVAILABLE means that a server is starting,
# stopping or gone.
_SERVICE_CONFIG = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 5,
                "initialBackoff": "0.05s",
                "maxBackoff": "1s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
}

# Long enough for a ping queued behind images on a slow connection.
_PING_TIMEOUT_MS = 5_000

_OPTIONS = [
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # The retry buffer; images exceed the default of 256 KB.
    ("grpc.per_rpc_retry_buffer_size", 256 * 2**20),
    # Pings detect a hung server while calls wait for it; the calls are then retried on another.
    # gRPC sends two kinds of pings, for keepalive and for bandwidth, with separate timeouts.
    ("grpc.keepalive_time_ms", 2_000),
    ("grpc.keepalive_timeout_ms", _PING_TIMEOUT_MS),
    ("grpc.http2.ping_timeout_ms", _PING_TIMEOUT_MS),
    # Servers treat a fourth ping without data in between as an attack.
    ("grpc.http2.max_pings_without_data", 3),
    # Use a server within seconds of its return or its addition to DNS.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.dns_min_time_between_resolutions_ms", 5_000),
]


def tls_credentials(
    ca_file: Path | None = None, cert_file: Path | None = None, key_file: Path | None = None
) -> grpc.ChannelCredentials:
    """Read PEM files: the certificate authority (default: gRPC's list), and the client's pair.

    Raises OSError if a file cannot be read, ValueError for half a pair or another format; gRPC
    itself would abort the process or ignore the file, respectively.
    """
    if (cert_file is None) != (key_file is None):
        raise ValueError("cert_file and key_file go together; give both or neither")
    ca, cert, key = map(_read_pem, (ca_file, cert_file, key_file))
    return grpc.ssl_channel_credentials(ca, key, cert)


def _read_pem(path: Path | None) -> bytes | None:
    if path is None:
        return None
    contents = path.read_bytes()
    if b"-----BEGIN " not in contents:
        raise ValueError(f"{path} is not a PEM file")
    return contents


class GrpcClient:
    """A long-lived channel to a server, or to all servers that a name resolves to.

    `target` is gRPC's: `host:8500`, `dns:///models.example:8500`, `unix:/run/serving.sock`. Calls
    go to its addresses in turn; UNAVAILABLE is retried up to four times, RESOURCE_EXHAUSTED until
    the timeout.
    `credentials` enable TLS (see `tls_credentials`).
    """

    def __init__(self, target: str, *, credentials: grpc.ChannelCredentials | None = None) -> None:
        if credentials is None:
            self._channel = grpc.insecure_channel(target, _OPTIONS)
        else:
            self._channel = grpc.secure_channel(target, credentials, _OPTIONS)
        self._predict = self._method(_PREDICT, pb.PredictResponse)
        self._metadata = self._method(_METADATA, pb.GetModelMetadataResponse)
        self._status = self._method(_STATUS, pb.GetModelStatusResponse)

    def predict(
        self,
        model: ModelRef,
        inputs: Arrays,
        *,
        timeout_s: float,
        signature: str = DEFAULT_SIGNATURE,
        outputs: Sequence[str] = (),
    ) -> Prediction:
        request = make_predict_request(model, inputs, signature, outputs)
        return read_prediction(_call(self._predict, request, timeout_s))

    def metadata(self, model: ModelRef, *, timeout_s: float) -> Metadata:
        request = make_metadata_request(model)
        return read_metadata(_call(self._metadata, request, timeout_s))

    def status(self, model: ModelRef, *, timeout_s: float) -> list[pb.ModelVersionStatus]:
        request = make_status_request(model)
        response = _call(self._status, request, timeout_s)
        return latest_first(response.model_version_status)

    def close(self) -> None:
        self._channel.close()

    def _method(self, path: str, response: Any) -> Any:
        return self._channel.unary_unary(
            path,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=response.FromString,
        )


def _call(method: Any, request: Any, timeout_s: float) -> Any:
    return ask_until_free(partial(_call_once, method, request), timeout_s)


def _call_once(method: Any, request: Any, timeout_s: float) -> Any:
    try:
        return method(request, timeout=timeout_s)
    except grpc.RpcError as error:
        raise ServingError(error.code().value[0], error.details() or "") from error
    except ValueError as error:  # gRPC's error for a closed channel
        raise ServingError(pb.Code.CANCELLED, "the client is closed") from error


def _model_spec(model: ModelRef, signature: str = "") -> pb.ModelSpec:
    return pb.ModelSpec(
        name=model.name,
        signature_name=signature,
        version=None if model.version is None else Int64Value(value=model.version),
        version_label=model.label,
    )


def make_predict_request(
    model: ModelRef, inputs: Arrays, signature: str, outputs: Sequence[str]
) -> pb.PredictRequest:
    """Raises ValueError for an array that cannot be sent."""
    return pb.PredictRequest(
        model_spec=_model_spec(model, signature),
        inputs={name: to_proto(array) for name, array in inputs.items()},
        output_filter=outputs,
    )


def read_prediction(response: pb.PredictResponse) -> Prediction:
    spec = response.model_spec
    return Prediction(
        outputs={name: from_proto(proto) for name, proto in response.outputs.items()},
        version=spec.version.value if spec.HasField("version") else None,
    )


def make_metadata_request(model: ModelRef) -> pb.GetModelMetadataRequest:
    return pb.GetModelMetadataRequest(
        model_spec=_model_spec(model), metadata_field=[_SIGNATURES_FIELD]
    )


def read_metadata(response: pb.GetModelMetadataResponse) -> Metadata:
    """Raises ServingError if the response contains no signatures."""
    signatures = pb.SignatureDefMap()
    try:
        # Not Any.Unpack: its type name is from the server's package, not from this client's.
        signatures.ParseFromString(response.metadata[_SIGNATURES_FIELD].value)
    except DecodeError as error:
        raise ServingError(pb.Code.DATA_LOSS, f"the metadata cannot be read: {error}") from error
    return Metadata(response.model_spec.version.value, dict(signatures.signature_def))


def make_status_request(model: ModelRef) -> pb.GetModelStatusRequest:
    return pb.GetModelStatusRequest(model_spec=_model_spec(model))
