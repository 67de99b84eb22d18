"""TensorFlow Serving over REST: the column format, bytes as base64."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx2
import numpy as np
from numpy.typing import NDArray

from facedetect.tfserving.api import (
    DEFAULT_SIGNATURE,
    Arrays,
    Code,
    Metadata,
    Model,
    Prediction,
    ServingError,
    Signature,
    State,
    TensorSpec,
    VersionStatus,
)
from facedetect.tfserving.tensors import dtype_named

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

_LEAST_TIMEOUT_S = 0.001


class RestClient:
    """One pool of connections to a server at `url`, such as `http://host:8501`.

    JSON says neither the types of outputs nor which version answered, so a call that leaves the
    version open asks for the model's metadata first, and then for that version.
    """

    def __init__(self, url: str) -> None:
        self._client = httpx2.Client(base_url=url)
        self._known: dict[Model, Metadata] = {}

    def predict(
        self,
        model: Model,
        inputs: Arrays,
        *,
        timeout_s: float,
        signature: str = DEFAULT_SIGNATURE,
        outputs: Sequence[str] = (),
    ) -> Prediction:
        deadline = time.monotonic() + timeout_s
        columns = {name: _to_json(array.tolist()) for name, array in inputs.items()}
        body = {"signature_name": signature, "inputs": columns}
        pinned = self._pin(model, deadline)
        specs = self._output_specs(pinned, signature, deadline)
        answer = self._call("POST", f"{_path(pinned)}:predict", deadline, json=body)
        arrays = _to_arrays(answer.get("outputs"), specs)
        wanted = outputs or list(specs)
        return Prediction({name: arrays[name] for name in wanted}, pinned.version)

    def metadata(self, model: Model, *, timeout_s: float) -> Metadata:
        answer = self._call("GET", f"{_path(model)}/metadata", time.monotonic() + timeout_s)
        try:
            signatures = answer["metadata"]["signature_def"]["signature_def"]
            return Metadata(
                int(answer["model_spec"]["version"]),
                {name: _signature(entry) for name, entry in signatures.items()},
            )
        except (KeyError, TypeError, ValueError) as error:
            raise _not_understood("metadata", answer) from error

    def status(self, model: Model, *, timeout_s: float) -> list[VersionStatus]:
        answer = self._call("GET", _path(model), time.monotonic() + timeout_s)
        try:
            found = [_status(entry) for entry in answer["model_version_status"]]
        except (KeyError, TypeError, ValueError) as error:
            raise _not_understood("status", answer) from error
        return sorted(found, key=lambda status: status.version, reverse=True)

    def close(self) -> None:
        self._client.close()

    def _pin(self, model: Model, deadline: float) -> Model:
        """The model with the number of the version that answers now."""
        if model.version is not None:
            return model
        metadata = self.metadata(model, timeout_s=deadline - time.monotonic())
        pinned = Model(model.name, metadata.version)
        self._known[pinned] = metadata
        return pinned

    def _output_specs(self, model: Model, signature: str, deadline: float) -> dict[str, TensorSpec]:
        if model not in self._known:
            self._known[model] = self.metadata(model, timeout_s=deadline - time.monotonic())
        signatures = self._known[model].signatures
        if signature in signatures:
            return signatures[signature].outputs
        known = ", ".join(signatures)
        raise ServingError(
            Code.INVALID_ARGUMENT,
            f"model {model.name} has no signature {signature}; it has {known}",
        )

    def _call(self, method: str, path: str, deadline: float, **body: Any) -> dict[str, Any]:
        """Raises ServingError; what is UNAVAILABLE is tried again while time is left."""
        for pause_s in _PAUSES_S:
            try:
                return self._call_once(method, path, deadline, **body)
            except ServingError as error:
                is_late = time.monotonic() + pause_s >= deadline
                if error.code is not Code.UNAVAILABLE or is_late:
                    raise
            time.sleep(pause_s)
        return self._call_once(method, path, deadline, **body)

    def _call_once(self, method: str, path: str, deadline: float, **body: Any) -> dict[str, Any]:
        try:
            status, contents = self._request(method, path, deadline, **body)
        except httpx2.TimeoutException as error:
            raise ServingError(Code.DEADLINE_EXCEEDED, "no answer before the deadline") from error
        except httpx2.HTTPError as error:
            raise ServingError(Code.UNAVAILABLE, str(error)) from error
        except RuntimeError as error:  # what httpx raises for a client that was closed
            raise ServingError(Code.CANCELLED, "the client is closed") from error
        answer = _json_object(status, contents)
        if status == HTTPStatus.OK:
            return answer
        code = _CODES.get(status, Code.UNKNOWN)
        raise ServingError(code, str(answer.get("error", f"status {status}")))

    def _request(self, method: str, path: str, deadline: float, **body: Any) -> tuple[int, bytes]:
        """The status and the body; httpx's timeout is that of a step, the deadline of the whole."""
        timeout_s = max(deadline - time.monotonic(), _LEAST_TIMEOUT_S)
        with self._client.stream(method, path, timeout=timeout_s, **body) as response:
            contents = bytearray()
            for chunk in response.iter_bytes():
                contents += chunk
                if time.monotonic() > deadline:
                    raise httpx2.ReadTimeout("the answer did not end")
        return response.status_code, bytes(contents)


def _path(model: Model) -> str:
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


def _to_json(value: Any) -> Any:
    """Lists of what JSON has; bytes are {"b64": ...}."""
    if isinstance(value, list):
        return [_to_json(item) for item in value] if _holds_bytes(value) else value
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode("ascii")}
    return value


def _holds_bytes(value: Any) -> bool:
    while isinstance(value, list) and value:
        value = value[0]
    return isinstance(value, bytes)


def _to_arrays(found: Any, specs: Mapping[str, TensorSpec]) -> dict[str, NDArray[Any]]:
    columns = dict.fromkeys(specs, found) if len(specs) == 1 else found  # one goes unnamed
    try:
        return {name: _to_array(columns[name], spec) for name, spec in specs.items()}
    except (KeyError, TypeError, ValueError) as error:
        raise ServingError(
            Code.DATA_LOSS, f"the outputs are not as the metadata say: {error!r}"
        ) from error


def _to_array(value: Any, spec: TensorSpec) -> NDArray[Any]:
    if spec.dtype == object:
        shape = np.shape(value)
        return np.array([_to_bytes(item) for item in np.ravel(value)], object).reshape(shape)
    array = np.array(value, spec.dtype)
    rank = array.ndim if spec.shape is None else len(spec.shape)
    if array.ndim == rank:
        return array
    # Lists without elements do not tell the sides inside of them.
    if array.size == 0 and spec.shape is not None:
        return np.zeros([side or 0 for side in spec.shape], spec.dtype)
    raise ValueError(f"an output has the shape {array.shape} instead of {spec.shape}")


def _to_bytes(item: Any) -> bytes:
    return base64.b64decode(item["b64"]) if isinstance(item, dict) else str(item).encode()


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
        State(entry["state"]),
        Code[status["error_code"]],
        status["error_message"],
    )
