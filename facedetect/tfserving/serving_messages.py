"""This client's values to protocol messages and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from google.protobuf.message import DecodeError
from google.protobuf.wrappers_pb2 import Int64Value

from facedetect.model_ref import ModelRef
from facedetect.tfserving import serving_pb2 as pb
from facedetect.tfserving.api import (
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
from facedetect.tfserving.tensor_proto import dtype_of, from_proto, to_proto

_SIGNATURES_FIELD = "signature_def"


def model_spec(model: ModelRef, signature: str = "") -> pb.ModelSpec:
    return pb.ModelSpec(
        name=model.name,
        signature_name=signature,
        version=None if model.version is None else Int64Value(value=model.version),
        version_label=model.label,
    )


def predict_request(
    model: ModelRef, inputs: Arrays, signature: str, outputs: Sequence[str]
) -> pb.PredictRequest:
    """Raises ValueError for an array that cannot be sent."""
    return pb.PredictRequest(
        model_spec=model_spec(model, signature),
        inputs={name: to_proto(array) for name, array in inputs.items()},
        output_filter=outputs,
    )


def prediction(response: pb.PredictResponse) -> Prediction:
    spec = response.model_spec
    return Prediction(
        outputs={name: from_proto(proto) for name, proto in response.outputs.items()},
        version=spec.version.value if spec.HasField("version") else None,
    )


def metadata_request(model: ModelRef) -> pb.GetModelMetadataRequest:
    return pb.GetModelMetadataRequest(
        model_spec=model_spec(model), metadata_field=[_SIGNATURES_FIELD]
    )


def metadata(response: pb.GetModelMetadataResponse) -> Metadata:
    """Raises ServingError if the response holds no signatures."""
    signatures = pb.SignatureDefMap()
    try:
        # Not Any.Unpack: its type name is from the server's package, not from this client's.
        signatures.ParseFromString(response.metadata[_SIGNATURES_FIELD].value)
    except DecodeError as error:
        raise ServingError(Code.DATA_LOSS, f"the metadata cannot be read: {error}") from error
    return Metadata(
        response.model_spec.version.value,
        {name: _signature(proto) for name, proto in signatures.signature_def.items()},
    )


def status_request(model: ModelRef) -> pb.GetModelStatusRequest:
    return pb.GetModelStatusRequest(model_spec=model_spec(model))


def statuses(response: pb.GetModelStatusResponse) -> list[VersionStatus]:
    """Latest version first."""
    found = [
        VersionStatus(
            entry.version,
            _state(entry.state),
            code_numbered(entry.status.error_code),
            entry.status.error_message,
        )
        for entry in response.model_version_status
    ]
    return sorted(found, key=lambda status: status.version, reverse=True)


def code_numbered(number: int) -> Code:
    """The code with that number; UNKNOWN for a newer one."""
    return Code(number) if number in set(Code) else Code.UNKNOWN


def _state(number: pb.ModelVersionStatus.State) -> State:
    known = {value: State(name) for name, value in pb.ModelVersionStatus.State.items()}
    return known.get(number, State.UNKNOWN)


def _signature(proto: pb.SignatureDef) -> Signature:
    return Signature(_specs(proto.inputs), _specs(proto.outputs), proto.method_name)


def _specs(infos: Mapping[str, pb.TensorInfo]) -> dict[str, TensorSpec]:
    return {
        name: TensorSpec(dtype_of(info.dtype), _shape(info.tensor_shape))
        for name, info in infos.items()
    }


def _shape(proto: pb.TensorShapeProto) -> tuple[int | None, ...] | None:
    if proto.unknown_rank:
        return None
    return tuple(None if dim.size < 0 else dim.size for dim in proto.dim)
