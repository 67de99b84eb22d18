"""TensorFlow Serving over REST: JSON in the column format, bytes as base64."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import httpx2
import numpy as np
from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import Message
from numpy.typing import NDArray

from facedetect.background_loop import BackgroundLoop, ClientClosed
from facedetect.model_ref import ModelRef
from facedetect.tfserving.api import (
    DEFAULT_SIGNATURE,
    HTTP_STATUSES,
    Arrays,
    Metadata,
    Prediction,
    ServingError,
    latest_first,
)
from facedetect.tfserving.busy import ask_until_free
from facedetect.tfserving.serving_pb2 import (
    Code,
    ModelVersionStatus,
    SignatureDefMap,
    TensorInfo,
)
from facedetect.tfserving.tensor_json import array_from_json, array_to_json
from facedetect.tfserving.tensor_proto import dtype_of

T = TypeVar("T")
M = TypeVar("M", bound=Message)

_CODES = {status: code for code, status in reversed(HTTP_STATUSES.items())}

# The pauses before retries of UNAVAILABLE calls. Retrying is safe: models are stateless.
_PAUSES_S = (0.05, 0.1, 0.2, 0.4)

# What parsing JSON of an unexpected shape may raise.
_PARSE_ERRORS = (AttributeError, KeyError, OverflowError, ParseError, TypeError, ValueError)


class RestClient:
    """A pool of connections to the server at `url`, such as `http://host:8501`.

    JSON responses contain neither the outputs' types nor the version that answered. So `predict`
    fetches the model's metadata first and then calls exactly that version. `ca_file` is the
    certificate authority to trust for `https://` (PEM). Proxy variables in the environment are
    ignored.
    """

    def __init__(self, url: str, *, ca_file: Path | None = None) -> None:
        """Raises OSError if the file cannot be read."""
        trusted = ssl.create_default_context(cafile=ca_file) if ca_file else True
        self._loop = BackgroundLoop(
            partial(httpx2.AsyncClient, base_url=url, verify=trusted, trust_env=False, timeout=None)
        )

    def predict(
        self,
        model: ModelRef,
        inputs: Arrays,
        *,
        timeout_s: float,
        signature: str = DEFAULT_SIGNATURE,
        outputs: Sequence[str] = (),
    ) -> Prediction:
        deadline = time.monotonic() + timeout_s
        columns = {name: array_to_json(array) for name, array in inputs.items()}
        body = json.dumps({"signature_name": signature, "inputs": columns}).encode()
        try:
            return self._predict(model, signature, body, outputs, deadline)
        except ServingError as error:
            if error.code != Code.NOT_FOUND or model.version is not None:
                raise
        # The version was unloaded in the meantime; its successor is already loaded.
        return self._predict(model, signature, body, outputs, deadline)

    def metadata(self, model: ModelRef, *, timeout_s: float) -> Metadata:
        answer = self._call("GET", f"{_path(model)}/metadata", time.monotonic() + timeout_s)
        try:
            signatures = answer["metadata"]["signature_def"]
            return Metadata(
                int(answer["model_spec"]["version"]),
                dict(_parse(signatures, SignatureDefMap()).signature_def),
            )
        except _PARSE_ERRORS as error:
            raise _unreadable("metadata", answer) from error

    def status(self, model: ModelRef, *, timeout_s: float) -> list[ModelVersionStatus]:
        answer = self._call("GET", _path(model), time.monotonic() + timeout_s)
        try:
            return latest_first(
                _parse(entry, ModelVersionStatus()) for entry in answer["model_version_status"]
            )
        except _PARSE_ERRORS as error:
            raise _unreadable("status", answer) from error

    def close(self) -> None:
        self._loop.close()

    def _predict(
        self, model: ModelRef, signature: str, body: bytes, outputs: Sequence[str], deadline: float
    ) -> Prediction:
        metadata = self.metadata(model, timeout_s=deadline - time.monotonic())
        infos = _select("signature", metadata.signatures, signature).outputs
        path = f"{_path(ModelRef(model.name, metadata.version))}:predict"
        answer = self._call("POST", path, deadline, body)
        arrays = _to_arrays(answer.get("outputs"), infos)
        selected = {name: _select("output", arrays, name) for name in outputs or infos}
        return Prediction(selected, metadata.version)

    def _call(
        self, method: str, path: str, deadline: float, body: bytes | None = None
    ) -> dict[str, Any]:
        """Retry UNAVAILABLE four times, and a busy server until the deadline.

        Raises ServingError.
        """
        return ask_until_free(
            lambda _: self._call_once(method, path, deadline, body),
            deadline - time.monotonic(),
            _PAUSES_S,
        )

    def _call_once(
        self, method: str, path: str, deadline: float, body: bytes | None
    ) -> dict[str, Any]:
        try:
            response = self._loop.run(lambda http: _send(http, method, path, deadline, body))
        except TimeoutError as error:
            raise ServingError(Code.DEADLINE_EXCEEDED, "no answer before the deadline") from error
        except httpx2.HTTPError as error:
            raise ServingError(Code.UNAVAILABLE, str(error) or type(error).__name__) from error
        except ClientClosed as error:
            raise ServingError(Code.CANCELLED, str(error)) from error
        return _read_object(response)


async def _send(
    http: httpx2.AsyncClient, method: str, path: str, deadline: float, body: bytes | None
) -> httpx2.Response:
    headers = {"Content-Type": "application/json"} if body else None
    async with asyncio.timeout(deadline - time.monotonic()):
        return await http.request(method, path, content=body, headers=headers)


def _read_object(response: httpx2.Response) -> dict[str, Any]:
    status = response.status_code
    answer = None
    with suppress(ValueError):
        answer = json.loads(response.content)
    if not isinstance(answer, dict):
        raise ServingError(
            _CODES.get(status, Code.DATA_LOSS),
            f"status {status} without a JSON object; check that this is TensorFlow Serving's REST "
            "port",
        )
    if status != HTTPStatus.OK:
        code = _CODES.get(status, Code.UNKNOWN)
        raise ServingError(code, str(answer.get("error", f"status {status}")))
    return answer


def _select(kind: str, known: Mapping[str, T], name: str) -> T:
    """Raises ServingError for an unknown name."""
    if name not in known:
        available = ", ".join(known)
        raise ServingError(
            Code.INVALID_ARGUMENT, f"there is no {kind} {name!r}; available: {available}"
        )
    return known[name]


def _path(model: ModelRef) -> str:
    if {model.name, model.label} & {"", ".", ".."}:
        raise ServingError(
            Code.INVALID_ARGUMENT, "a model's name or label must not be empty, '.' or '..'"
        )
    path = f"/v1/models/{quote(model.name, safe='')}"
    if model.version is not None:
        return f"{path}/versions/{model.version}"
    if model.label is not None:
        return f"{path}/labels/{quote(model.label, safe='')}"
    return path


def _unreadable(what: str, answer: Mapping[str, Any]) -> ServingError:
    return ServingError(Code.DATA_LOSS, f"cannot parse the {what}: {str(answer)[:200]}")


def _parse(value: Any, message: M) -> M:
    """Read a message's JSON; ignore fields of newer servers."""
    return ParseDict(value, message, ignore_unknown_fields=True)


def _to_arrays(outputs: Any, infos: Mapping[str, TensorInfo]) -> dict[str, NDArray[Any]]:
    # A single output has no name.
    columns = dict.fromkeys(infos, outputs) if len(infos) == 1 else outputs
    try:
        return {name: _to_array(columns[name], info) for name, info in infos.items()}
    except _PARSE_ERRORS as error:
        raise ServingError(
            Code.DATA_LOSS, f"the outputs do not match the model's metadata: {error!r}"
        ) from error


def _to_array(value: Any, info: TensorInfo) -> NDArray[Any]:
    dtype, shape = dtype_of(info.dtype), info.tensor_shape
    array = np.array(value) if dtype is None else array_from_json(value, dtype)
    if shape.unknown_rank or array.ndim == len(shape.dim):
        return array
    sides = [dim.size for dim in shape.dim]
    if array.size == 0:  # empty lists do not show the sizes of inner dimensions
        inner = [max(side, 0) for side in sides[array.ndim :]]
        return np.zeros([*array.shape, *inner], dtype)
    raise ValueError(f"an output has shape {array.shape}; expected {sides}")
