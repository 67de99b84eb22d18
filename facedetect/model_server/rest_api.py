"""TensorFlow Serving's REST API: predict in rows and columns, status, metadata, metrics."""

from __future__ import annotations

import gzip
import json
import re
import time
import zlib
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any

from google.protobuf.json_format import MessageToDict
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from facedetect.model_server.prediction_service import PredictCall, PredictionService
from facedetect.model_server.rest_columns import decode_columns, encode_columns
from facedetect.model_server.rest_rows import decode_rows, encode_rows
from facedetect.model_server.serving_errors import error_message, grpc_code, invalid_argument
from facedetect.tfserving import serving_pb2 as pb
from facedetect.tfserving.api import HTTP_STATUSES

_METRICS_PATH = "/monitoring/prometheus/metrics"
_TIMEOUT_S = 30.0  # TensorFlow Serving's default; HTTP has no deadlines

_MODEL = (
    r"/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<version>[0-9]{1,18})|/labels/(?P<label>[^/:]+))?"
)
_METHOD = re.compile(_MODEL + ":(?P<method>predict|classify|regress)")
_MODEL_PAGE = re.compile(_MODEL + "(?P<page>/metadata)?")


def create_app(service: PredictionService) -> Starlette:
    """Create the application, which runs calls in a thread pool."""

    async def answer(request: Request) -> Response:
        body = await request.body()
        is_gzip = request.headers.get("content-encoding") == "gzip"
        act = partial(_route, service, request.method, request.url.path)
        return await run_in_threadpool(_answer, act, body, is_gzip=is_gzip)

    async def metrics(_: Request) -> Response:
        return PlainTextResponse(service.metrics.text())

    return Starlette(
        routes=[
            Route("/v1/{path:path}", answer, methods=["GET", "POST"]),
            Route(_METRICS_PATH, metrics),
        ],
        middleware=[Middleware(GZipMiddleware)],
    )


def _answer(act: Callable[[bytes], Callable[[], Any]], body: bytes, *, is_gzip: bool) -> Response:
    try:
        content, status = act(_unzipped(body) if is_gzip else body)(), HTTPStatus.OK.value
    except Exception as error:  # noqa: BLE001 - every error maps to a status
        content = {"error": error_message(error)}
        code = grpc_code(error).value[0]
        status = HTTP_STATUSES.get(code, HTTPStatus.INTERNAL_SERVER_ERROR)
    # NaN and Infinity are not valid JSON, but TensorFlow Serving writes them, too.
    return Response(json.dumps(content), status, media_type="application/json")


def _unzipped(body: bytes) -> bytes:
    try:
        return gzip.decompress(body)
    except (OSError, EOFError, zlib.error) as error:
        raise invalid_argument(f"Failed to uncompress the gzip request: {error}") from error


def _route(service: PredictionService, method: str, path: str, body: bytes) -> Callable[[], Any]:
    """Return the function that answers the request; raises InvalidArgumentError."""
    called, page = _METHOD.fullmatch(path), _MODEL_PAGE.fullmatch(path)
    if method == "POST" and called is not None:
        spec = _spec(called)
        if called["method"] == "predict":
            return partial(_predict, service, spec, body)
        return partial(_refuse_examples, service, spec, called["method"], body)
    if method != "GET" or page is None:
        raise invalid_argument(f"Malformed request: {method} {path}")
    return partial(_metadata if page["page"] else _status, service, _spec(page))


def _spec(found: re.Match[str]) -> pb.ModelSpec:
    spec = pb.ModelSpec(name=found["name"])
    if found["version"]:
        spec.version.value = int(found["version"])
    if found["label"]:
        spec.version_label = found["label"]
    return spec


def _predict(service: PredictionService, spec: pb.ModelSpec, body: bytes) -> dict[str, Any]:
    deadline = time.monotonic() + _TIMEOUT_S
    request = _read_object(body, spec)
    given = [name for name in ("instances", "inputs") if name in request]
    if not given:
        raise invalid_argument("Missing 'inputs' or 'instances' key")
    if len(given) > 1:
        raise invalid_argument(
            "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist"
        )
    decode = decode_rows if given == ["instances"] else decode_columns
    call = PredictCall(spec, partial(decode, request[given[0]]), "REST", deadline=deadline)
    outputs = service.predict(call).outputs
    if given == ["instances"]:
        return {"predictions": encode_rows(outputs)}
    return {"outputs": encode_columns(outputs)}


def _refuse_examples(
    service: PredictionService, spec: pb.ModelSpec, method: str, body: bytes
) -> None:
    _read_object(body, spec)
    service.refuse_examples(spec, method)


def _read_object(body: bytes, spec: pb.ModelSpec) -> dict[str, Any]:
    """Read the request, and store the signature it names in `spec`."""
    try:
        request = json.loads(body)
    except ValueError as error:
        raise invalid_argument(f"JSON Parse error: {error}") from error
    if not isinstance(request, dict):
        raise invalid_argument("JSON Parse error: the request must be an object")
    signature = request.get("signature_name", "")
    if not isinstance(signature, str):
        raise invalid_argument("'signature_name' key must be a string value.")
    spec.signature_name = signature
    return request


def _status(service: PredictionService, spec: pb.ModelSpec) -> dict[str, Any]:
    return _to_json(service.status(pb.GetModelStatusRequest(model_spec=spec)))


def _metadata(service: PredictionService, spec: pb.ModelSpec) -> dict[str, Any]:
    request = pb.GetModelMetadataRequest(model_spec=spec, metadata_field=["signature_def"])
    response = service.metadata(request)
    signatures = pb.SignatureDefMap.FromString(response.metadata["signature_def"].value)
    return {
        "model_spec": _to_json(response.model_spec),
        "metadata": {"signature_def": _to_json(signatures)},
    }


def _to_json(message: Any) -> dict[str, Any]:
    return MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
