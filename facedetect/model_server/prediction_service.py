"""Predict, metadata and status, shared by gRPC and REST."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import grpc

from facedetect.model.saved_model import SavedModel
from facedetect.model_server.serving_errors import (
    grpc_code,
    invalid_argument,
    not_found,
    servable_not_found,
    unimplemented,
)
from facedetect.model_server.serving_metrics import ServingMetrics
from facedetect.model_server.versioned_model import VersionedModel
from facedetect.tfserving import serving_pb2 as pb
from facedetect.tfserving.api import DEFAULT_SIGNATURE, Arrays

_METADATA_FIELD = "signature_def"
_METADATA_TYPE = "type.googleapis.com/tensorflow.serving.SignatureDefMap"

# Maps the TensorInfo of a signature's inputs, by name, to the arrays to feed.
DecodeInputs = Callable[[Mapping[str, Any]], Arrays]


@dataclass(frozen=True)
class PredictCall:
    """A Predict call. `entrypoint` is GRPC or REST; `deadline` is a time of time.monotonic."""

    spec: pb.ModelSpec
    decode_inputs: DecodeInputs
    entrypoint: str
    output_filter: Sequence[str] = ()
    deadline: float | None = None


@dataclass(frozen=True)
class PredictResult:
    """The outputs by name, and the version and signature that computed them."""

    spec: pb.ModelSpec
    outputs: Arrays


class PredictionService:
    """Answers calls with the versions of all models, and counts them.

    Thread-safe. Raises TensorFlow's errors (`tf.errors.OpError`).
    """

    def __init__(self, models: Iterable[VersionedModel], metrics: ServingMetrics) -> None:
        self._models = {model.name: model for model in models}
        self.metrics = metrics

    def predict(self, call: PredictCall) -> PredictResult:
        """Decode the inputs and run the signature."""
        started = time.monotonic()
        code = grpc.StatusCode.OK
        name = call.spec.name
        try:
            result = self._predict(call)
        except Exception as error:
            code = grpc_code(error)
            raise
        finally:
            self.metrics.count_request(name, code)
        self.metrics.add_request_latency(name, call.entrypoint, time.monotonic() - started)
        return result

    def metadata(self, request: pb.GetModelMetadataRequest) -> pb.GetModelMetadataResponse:
        """Return the signatures of one version."""
        _check_spec(request)
        _check_fields(request.metadata_field)
        with self._use(request.model_spec) as (version, saved_model):
            response = pb.GetModelMetadataResponse(
                model_spec=_spec(request.model_spec.name, version)
            )
            signatures = pb.SignatureDefMap()
            for name, signature in saved_model.signatures.items():
                signatures.signature_def[name].MergeFromString(signature.SerializeToString())
        # Not Any.Pack: the type name must be TensorFlow Serving's, not our package's.
        packed = response.metadata[_METADATA_FIELD]
        packed.type_url, packed.value = _METADATA_TYPE, signatures.SerializeToString()
        return response

    def status(self, request: pb.GetModelStatusRequest) -> pb.GetModelStatusResponse:
        """Return the state of one version, or of all."""
        _check_spec(request)
        model = self._models.get(request.model_spec.name)
        if model is None:
            raise not_found(f"Could not find any versions of model {request.model_spec.name}")
        statuses = model.statuses(request.model_spec)
        return pb.GetModelStatusResponse(model_version_status=statuses)

    def refuse_examples(self, spec: pb.ModelSpec, method: str) -> None:
        """Raise the error for a call to `method`, classify or regress, with tf.Examples."""
        name = spec.signature_name or DEFAULT_SIGNATURE
        with self._use(spec) as (_, saved_model):
            if name not in saved_model.signatures:
                raise invalid_argument(f"No signature was found with the name: {name}")
            actual = saved_model.signatures[name].method_name
        expected = f"tensorflow/serving/{method}"
        if actual != expected:
            kind = {"classify": "classification", "regress": "regression"}[method]
            raise invalid_argument(
                f"Expected {kind} signature method_name to be {expected}. Was: {actual}"
            )
        raise unimplemented(f"this development server does not support {method}; call Predict")

    def _use(self, spec: pb.ModelSpec) -> AbstractContextManager[tuple[int, SavedModel]]:
        model = self._models.get(spec.name)
        if model is None:
            raise servable_not_found(spec.name)
        return model.use(spec)

    def _predict(self, call: PredictCall) -> PredictResult:
        signature = call.spec.signature_name or DEFAULT_SIGNATURE
        with self._use(call.spec) as (version, saved_model):
            inputs = call.decode_inputs(saved_model.signature(signature).inputs)
            started = time.monotonic()
            timeout_s = None if call.deadline is None else call.deadline - started
            outputs = saved_model.run(signature, inputs, call.output_filter, timeout_s)
            self.metrics.add_runtime_latency(call.spec.name, time.monotonic() - started)
        return PredictResult(_spec(call.spec.name, version, signature), outputs)


def _spec(name: str, version: int, signature: str = "") -> pb.ModelSpec:
    spec = pb.ModelSpec(name=name, signature_name=signature)
    spec.version.value = version
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
