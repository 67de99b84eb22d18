"""This client's values to protocol messages and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from google.protobuf.message import DecodeError
from google.protobuf.wrappers_pb2 import Int64Value

from facedetect.model_ref import ModelRef
from facedetect.tfserving import serving_pb2 as pb
from facedetect.tfserving.api import Arrays, Metadata, Prediction, ServingError
from facedetect.tfserving.tensor_proto import from_proto, to_proto

_SIGNATURES_FIELD = "signature_def"


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
    """Raises ServingError if the response holds no signatures."""
    signatures = pb.SignatureDefMap()
    try:
        # Not Any.Unpack: its type name is from the server's package, not from this client's.
        signatures.ParseFromString(response.metadata[_SIGNATURES_FIELD].value)
    except DecodeError as error:
        raise ServingError(pb.Code.DATA_LOSS, f"the metadata cannot be read: {error}") from error
    return Metadata(response.model_spec.version.value, dict(signatures.signature_def))


def make_status_request(model: ModelRef) -> pb.GetModelStatusRequest:
    return pb.GetModelStatusRequest(model_spec=_model_spec(model))


def latest_first(statuses: Iterable[pb.ModelVersionStatus]) -> list[pb.ModelVersionStatus]:
    return sorted(statuses, key=lambda status: status.version, reverse=True)
