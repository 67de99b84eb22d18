"""TensorFlow Serving's REST API: predict in the column format, status, metadata, metrics."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataRequest, SignatureDefMap
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest
from tensorflow_serving.apis.model_pb2 import ModelSpec

from facedetect.model_server.calls import Call, Calls
from facedetect.model_server.json_tensors import read_columns, write_columns
from facedetect.model_server.refusals import code_of, invalid_argument, message_of

_METRICS_PATH = "/monitoring/prometheus/metrics"
_TIMEOUT_S = 30.0  # TensorFlow Serving's own: HTTP has no deadlines

_MODEL = (
    r"/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<version>[0-9]{1,18})|/labels/(?P<label>[^/:]+))?"
)
_PREDICT = re.compile(_MODEL + ":predict")
_MODEL_PAGE = re.compile(_MODEL + "(?P<page>/metadata)?")

# 499 is nginx's "client closed request", which http.HTTPStatus lacks.
_STATUSES: dict[grpc.StatusCode, int] = {
    grpc.StatusCode.CANCELLED: 499,
    grpc.StatusCode.INVALID_ARGUMENT: HTTPStatus.BAD_REQUEST,
    grpc.StatusCode.FAILED_PRECONDITION: HTTPStatus.BAD_REQUEST,
    grpc.StatusCode.OUT_OF_RANGE: HTTPStatus.BAD_REQUEST,
    grpc.StatusCode.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    grpc.StatusCode.PERMISSION_DENIED: HTTPStatus.FORBIDDEN,
    grpc.StatusCode.NOT_FOUND: HTTPStatus.NOT_FOUND,
    grpc.StatusCode.ALREADY_EXISTS: HTTPStatus.CONFLICT,
    grpc.StatusCode.ABORTED: HTTPStatus.CONFLICT,
    grpc.StatusCode.RESOURCE_EXHAUSTED: HTTPStatus.TOO_MANY_REQUESTS,
    grpc.StatusCode.UNIMPLEMENTED: HTTPStatus.NOT_IMPLEMENTED,
    grpc.StatusCode.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED: HTTPStatus.GATEWAY_TIMEOUT,
}


def create_app(calls: Calls) -> Starlette:
    """Make the application; its calls run in threads of their own."""

    async def answer(request: Request) -> Response:
        body = await request.body()
        return await run_in_threadpool(_answer, calls, request.method, request.url.path, body)

    async def metrics(_: Request) -> Response:
        return PlainTextResponse(calls.metrics.text())

    return Starlette(
        routes=[
            Route("/v1/{path:path}", answer, methods=["GET", "POST"]),
            Route(_METRICS_PATH, metrics),
        ]
    )


def _answer(calls: Calls, method: str, path: str, body: bytes) -> Response:
    try:
        content, status = _act(calls, method, path, body)(), HTTPStatus.OK.value
    except Exception as error:  # noqa: BLE001 - every error has a status to be told by
        content = {"error": message_of(error)}
        status = _STATUSES.get(code_of(error), HTTPStatus.INTERNAL_SERVER_ERROR)
    # Numbers that are not finite have no place in JSON, but TensorFlow Serving writes them so.
    return Response(json.dumps(content), status, media_type="application/json")


def _act(calls: Calls, method: str, path: str, body: bytes) -> Callable[[], Any]:
    """What the request wants done; raises InvalidArgumentError."""
    predict, page = _PREDICT.fullmatch(path), _MODEL_PAGE.fullmatch(path)
    if method == "POST" and predict is not None:
        return partial(_predict, calls, _spec(predict), body)
    if method != "GET" or page is None:
        raise invalid_argument(f"Malformed request: {method} {path}")
    return partial(_metadata if page["page"] else _status, calls, _spec(page))


def _spec(found: re.Match[str]) -> ModelSpec:
    spec = ModelSpec(name=found["name"])
    if found["version"]:
        spec.version.value = int(found["version"])
    if found["label"]:
        spec.version_label = found["label"]
    return spec


def _predict(calls: Calls, spec: ModelSpec, body: bytes) -> dict[str, Any]:
    deadline = time.monotonic() + _TIMEOUT_S
    request = _read_object(body)
    signature = request.get("signature_name", "")
    if not isinstance(signature, str):
        raise invalid_argument("'signature_name' key must be a string value.")
    if "inputs" not in request:
        raise invalid_argument(
            "Missing 'inputs' key; this development server takes the column format alone, "
            "not 'instances'"
        )
    spec.signature_name = signature
    call = Call(spec, partial(read_columns, request["inputs"]), "REST", deadline=deadline)
    return {"outputs": write_columns(calls.predict(call).outputs)}


def _read_object(body: bytes) -> dict[str, Any]:
    try:
        request = json.loads(body)
    except ValueError as error:
        raise invalid_argument(f"JSON Parse error: {error}") from error
    if not isinstance(request, dict):
        raise invalid_argument("JSON Parse error: the request must be an object")
    return request


def _status(calls: Calls, spec: ModelSpec) -> dict[str, Any]:
    return _to_json(calls.status(GetModelStatusRequest(model_spec=spec)))


def _metadata(calls: Calls, spec: ModelSpec) -> dict[str, Any]:
    request = GetModelMetadataRequest(model_spec=spec, metadata_field=["signature_def"])
    response = calls.metadata(request)
    signatures = SignatureDefMap()
    response.metadata["signature_def"].Unpack(signatures)
    return {
        "model_spec": _to_json(response.model_spec),
        "metadata": {"signature_def": _to_json(signatures)},
    }


def _to_json(message: Any) -> dict[str, Any]:
    return MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
