"""TensorFlow Serving over REST: the column format, bytes as base64."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import CancelledError
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import numpy as np
from numpy.typing import NDArray

from facedetect.model_ref import ModelRef
from facedetect.tfserving.api import (
    DEFAULT_SIGNATURE,
    Arrays,
    Code,
    Metadata,
    Prediction,
    ServingError,
    Signature,
    State,
    TensorSpec,
    VersionStatus,
)
from facedetect.tfserving.loop import BackgroundLoop
from facedetect.tfserving.tensor_json import array_from_json, array_to_json
from facedetect.tfserving.tensor_proto import dtype_named

# TensorFlow Serving's own table, read backwards.
_CODES = {
    400: Code.INVALID_ARGUMENT,
    401: Code.UNAUTHENTICATED,
    403: Code.PERMISSION_DENIED,
    404: Code.NOT_FOUND,
    409: Code.ABORTED,
    429: Code.RESOURCE_EXHAUSTED,
    499: Code.CANCELLED,
    501: Code.UNIMPLEMENTED,
    503: Code.UNAVAILABLE,
    504: Code.DEADLINE_EXCEEDED,
}

# Before each further try of what was UNAVAILABLE; a model's answer depends on the request alone.
_PAUSES_S = (0.05, 0.1, 0.2, 0.4)

_JSON = {"Content-Type": "application/json"}

# What comes of reading JSON that is not as the API has it.
_WRONG_ANSWER = (AttributeError, KeyError, OverflowError, TypeError, ValueError)


class RestClient:
    """One pool of connections to a server at `url`, such as `http://host:8501`.

    JSON says neither the types of outputs nor which version answered, so a call asks for the
    model's metadata first, and then for the version they are of. `ca_file` is the authority to
    trust for `https://`, in PEM form. The environment's proxies are not used.
    """

    def __init__(self, url: str, *, ca_file: Path | None = None) -> None:
        """Raises OSError if the file cannot be read."""
        trusted = ssl.create_default_context(cafile=ca_file) if ca_file else True
        # A loop of its own, for the sake of deadlines: httpx's time-outs are those of single steps.
        self._loop = BackgroundLoop()
        self._client = httpx2.AsyncClient(base_url=url, verify=trusted, trust_env=False)

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
            if error.code is not Code.NOT_FOUND or model.version is not None:
                raise
        # The version that was found has gone in the meantime; another has come before it went.
        return self._predict(model, signature, body, outputs, deadline)

    def metadata(self, model: ModelRef, *, timeout_s: float) -> Metadata:
        answer = self._call("GET", f"{_path(model)}/metadata", time.monotonic() + timeout_s)
        try:
            signatures = answer["metadata"]["signature_def"]["signature_def"]
            return Metadata(
                int(answer["model_spec"]["version"]),
                {name: _signature(entry) for name, entry in signatures.items()},
            )
        except _WRONG_ANSWER as error:
            raise _not_understood("metadata", answer) from error

    def status(self, model: ModelRef, *, timeout_s: float) -> list[VersionStatus]:
        answer = self._call("GET", _path(model), time.monotonic() + timeout_s)
        try:
            found = [_status(entry) for entry in answer["model_version_status"]]
        except _WRONG_ANSWER as error:
            raise _not_understood("status", answer) from error
        return sorted(found, key=lambda status: status.version, reverse=True)

    def close(self) -> None:
        self._loop.close(self._client.aclose())

    def _predict(
        self, model: ModelRef, signature: str, body: bytes, outputs: Sequence[str], deadline: float
    ) -> Prediction:
        metadata = self.metadata(model, timeout_s=deadline - time.monotonic())
        specs = _output_specs(metadata, signature, outputs)
        path = f"{_path(ModelRef(model.name, metadata.version))}:predict"
        answer = self._call("POST", path, deadline, body)
        arrays = _to_arrays(answer.get("outputs"), specs)
        wanted = outputs or list(specs)
        return Prediction({name: arrays[name] for name in wanted}, metadata.version)

    def _call(
        self, method: str, path: str, deadline: float, body: bytes | None = None
    ) -> dict[str, Any]:
        """Raises ServingError; what is UNAVAILABLE is tried again while time is left."""
        for pause_s in _PAUSES_S:
            try:
                return self._call_once(method, path, deadline, body)
            except ServingError as error:
                is_late = time.monotonic() + pause_s >= deadline
                if error.code is not Code.UNAVAILABLE or is_late:
                    raise
            time.sleep(pause_s)
        return self._call_once(method, path, deadline, body)

    def _call_once(
        self, method: str, path: str, deadline: float, body: bytes | None
    ) -> dict[str, Any]:
        try:
            status, contents = self._loop.run(self._request(method, path, deadline, body))
        except TimeoutError as error:
            raise ServingError(Code.DEADLINE_EXCEEDED, "no answer before the deadline") from error
        except httpx2.HTTPError as error:
            raise ServingError(Code.UNAVAILABLE, str(error) or type(error).__name__) from error
        except CancelledError as error:
            raise ServingError(Code.CANCELLED, "the client is closed") from error
        answer = _json_object(status, contents)
        if status == HTTPStatus.OK:
            return answer
        code = _CODES.get(status, Code.UNKNOWN)
        raise ServingError(code, str(answer.get("error", f"status {status}")))

    async def _request(
        self, method: str, path: str, deadline: float, body: bytes | None
    ) -> tuple[int, bytes]:
        async with asyncio.timeout(deadline - time.monotonic()):
            response = await self._client.request(
                method, path, content=body, headers=_JSON if body else None, timeout=None
            )
        return response.status_code, response.content


def _output_specs(
    metadata: Metadata, signature: str, wanted: Sequence[str]
) -> dict[str, TensorSpec]:
    """The signature's outputs; raises ServingError, as the server does for what it lacks."""
    if signature not in metadata.signatures:
        raise _not_offered(f"signature {signature}", metadata.signatures)
    specs = metadata.signatures[signature].outputs
    for name in wanted:
        if name not in specs:
            raise _not_offered(f"output {name}", specs)
    return specs


def _not_offered(what: str, known: Iterable[str]) -> ServingError:
    return ServingError(Code.INVALID_ARGUMENT, f"there is no {what}, but {', '.join(known)}")


def _path(model: ModelRef) -> str:
    if {model.name, model.label} & {"", ".", ".."}:
        raise ServingError(Code.INVALID_ARGUMENT, "a name of dots alone cannot be asked for")
    path = f"/v1/models/{quote(model.name, safe='')}"
    if model.version is not None:
        return f"{path}/versions/{model.version}"
    if model.label is not None:
        return f"{path}/labels/{quote(model.label, safe='')}"
    return path


def _json_object(status: int, contents: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(contents)
    except ValueError:
        answer = None
    if isinstance(answer, dict):
        return answer
    code = _CODES.get(status, Code.DATA_LOSS)
    raise ServingError(code, f"status {status} without a JSON object; is it TensorFlow Serving?")


def _not_understood(what: str, answer: Mapping[str, Any]) -> ServingError:
    return ServingError(Code.DATA_LOSS, f"the {what} cannot be read: {str(answer)[:200]}")


def _to_arrays(found: Any, specs: Mapping[str, TensorSpec]) -> dict[str, NDArray[Any]]:
    columns = dict.fromkeys(specs, found) if len(specs) == 1 else found  # one goes unnamed
    try:
        return {name: _to_array(columns[name], spec) for name, spec in specs.items()}
    except _WRONG_ANSWER as error:
        raise ServingError(
            Code.DATA_LOSS, f"the outputs are not as the metadata say: {error!r}"
        ) from error


def _to_array(value: Any, spec: TensorSpec) -> NDArray[Any]:
    array = np.array(value) if spec.dtype is None else array_from_json(value, spec.dtype)
    rank = array.ndim if spec.shape is None else len(spec.shape)
    if array.ndim == rank:
        return array
    # Empty lists do not say how long the lists inside them would be.
    if array.size == 0 and spec.shape is not None:
        return np.zeros([side or 0 for side in spec.shape], spec.dtype)
    raise ValueError(f"an output has the shape {array.shape} instead of {spec.shape}")


def _signature(entry: Mapping[str, Any]) -> Signature:
    return Signature(
        {name: _spec(info) for name, info in entry["inputs"].items()},
        {name: _spec(info) for name, info in entry["outputs"].items()},
        entry["method_name"],
    )


def _spec(info: Mapping[str, Any]) -> TensorSpec:
    proto = info["tensor_shape"]
    dims = [int(dim["size"]) for dim in proto["dim"]]
    shape = None if proto["unknown_rank"] else tuple(None if d < 0 else d for d in dims)
    return TensorSpec(dtype_named(info["dtype"]), shape)


def _status(entry: Mapping[str, Any]) -> VersionStatus:
    status = entry["status"]
    return VersionStatus(
        int(entry["version"]),
        State.__members__.get(entry["state"], State.UNKNOWN),
        Code.__members__.get(status["error_code"], Code.UNKNOWN),
        status["error_message"],
    )
