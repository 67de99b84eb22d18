"""What both protocols do with a call, once it is read and before it is answered."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from numpy.typing import NDArray
from tensorflow_serving.apis.get_model_metadata_pb2 import (
    GetModelMetadataRequest,
    GetModelMetadataResponse,
    SignatureDefMap,
)
from tensorflow_serving.apis.get_model_status_pb2 import (
    GetModelStatusRequest,
    GetModelStatusResponse,
)
from tensorflow_serving.apis.model_pb2 import ModelSpec

from facedetect.model_server.loaded import DEFAULT_SIGNATURE, Arrays, LoadedModel
from facedetect.model_server.metrics import Metrics
from facedetect.model_server.refusals import code_of, invalid_argument
from facedetect.model_server.versions import Versions

_METADATA_FIELD = "signature_def"

# From a signature's inputs, TensorInfo by name, to the arrays to feed.
ReadInputs = Callable[[Mapping[str, Any]], Arrays]


@dataclass(frozen=True)
class Call:
    """A call to Predict. `entrypoint` is GRPC or REST; `deadline` is a time of time.monotonic."""

    spec: ModelSpec
    read_inputs: ReadInputs
    entrypoint: str
    output_filter: Sequence[str] = ()
    deadline: float | None = None


@dataclass(frozen=True)
class Prediction:
    """The outputs by name, and which version and signature made them."""

    spec: ModelSpec
    outputs: dict[str, NDArray[Any]]


class Calls:
    """Answers calls with a model's versions, and counts them. Thread-safe; raises OpError."""

    def __init__(self, versions: Versions, metrics: Metrics) -> None:
        self._versions = versions
        self.metrics = metrics

    def predict(self, call: Call) -> Prediction:
        """Run a signature on what was sent."""
        started = time.monotonic()
        code = grpc.StatusCode.OK
        name = call.spec.name
        try:
            prediction = self._predict(call)
        except Exception as error:
            code = code_of(error)
            raise
        finally:
            self.metrics.count_request(name, code)
        self.metrics.add_request_latency(name, call.entrypoint, time.monotonic() - started)
        return prediction

    def metadata(self, request: GetModelMetadataRequest) -> GetModelMetadataResponse:
        """The signatures of a version."""
        _check_spec(request)
        _check_fields(request.metadata_field)
        with self._versions.use(request.model_spec) as (number, model):
            response = GetModelMetadataResponse(model_spec=_spec(request.model_spec.name, number))
            signatures = SignatureDefMap(signature_def=model.signatures)
            response.metadata[_METADATA_FIELD].Pack(signatures)
        return response

    def status(self, request: GetModelStatusRequest) -> GetModelStatusResponse:
        """The state of all versions, or of one."""
        _check_spec(request)
        statuses = self._versions.statuses(request.model_spec)
        return GetModelStatusResponse(model_version_status=statuses)

    def _predict(self, call: Call) -> Prediction:
        signature = call.spec.signature_name or DEFAULT_SIGNATURE
        with self._versions.use(call.spec) as (number, model):
            inputs = call.read_inputs(model.signature(signature).inputs)
            outputs = self._run(model, signature, inputs, call)
        return Prediction(_spec(call.spec.name, number, signature), outputs)

    def _run(
        self, model: LoadedModel, signature: str, inputs: Arrays, call: Call
    ) -> dict[str, NDArray[Any]]:
        started = time.monotonic()
        timeout_s = None if call.deadline is None else call.deadline - started
        outputs = model.run(signature, inputs, call.output_filter, timeout_s)
        self.metrics.add_runtime_latency(call.spec.name, time.monotonic() - started)
        return outputs


def _spec(name: str, number: int, signature: str = "") -> ModelSpec:
    spec = ModelSpec(name=name, signature_name=signature)
    spec.version.value = number
    return spec


def _check_spec(request: Any) -> None:
    if not request.HasField("model_spec"):
        raise invalid_argument("Missing ModelSpec")


def _check_fields(fields: Sequence[str]) -> None:
    if not fields:
        raise invalid_argument("GetModelMetadataRequest must specify at least one metadata_field")
    for field in fields:
        if field != _METADATA_FIELD:
            raise invalid_argument(f"Metadata field {field} is not supported")
