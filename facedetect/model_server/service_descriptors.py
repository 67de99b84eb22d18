"""Service descriptors for gRPC reflection, for tools without .proto files."""

from __future__ import annotations

from google.protobuf import any_pb2, descriptor_pb2, text_format, wrappers_pb2
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from facedetect.tfserving import serving_pb2

_PACKAGE = "tensorflow.serving"

# Request and response messages, by service and method.
_METHODS = {
    "PredictionService": {
        "Predict": ("PredictRequest", "PredictResponse"),
        "GetModelMetadata": ("GetModelMetadataRequest", "GetModelMetadataResponse"),
    },
    "ModelService": {"GetModelStatus": ("GetModelStatusRequest", "GetModelStatusResponse")},
}

SERVICES = tuple(f"{_PACKAGE}.{name}" for name in _METHODS)
"""The services' full names."""


def describe_services() -> DescriptorPool:
    """Describe the services under their own package, with our byte-compatible messages."""
    pool = DescriptorPool()
    for module in (any_pb2, wrappers_pb2, health_pb2, reflection_pb2):
        pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
    original = descriptor_pb2.FileDescriptorProto()
    serving_pb2.DESCRIPTOR.CopyToProto(original)
    renamed = text_format.MessageToString(original).replace(original.package, _PACKAGE)
    file = text_format.Parse(renamed, descriptor_pb2.FileDescriptorProto())
    file.name = "tensorflow_serving/apis/services.proto"
    for service, methods in _METHODS.items():
        described = file.service.add(name=service)
        for name, (taken, returned) in methods.items():
            described.method.add(
                name=name,
                input_type=f".{_PACKAGE}.{taken}",
                output_type=f".{_PACKAGE}.{returned}",
            )
    pool.AddSerializedFile(file.SerializeToString())
    return pool
