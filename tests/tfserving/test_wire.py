"""Our messages are TensorFlow Serving's, byte for byte, both ways."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from numpy.typing import NDArray
from tensorflow.core.framework import tensor_pb2, tensor_shape_pb2, types_pb2
from tensorflow.core.protobuf import error_codes_pb2, meta_graph_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    predict_pb2,
    prediction_log_pb2,
    status_pb2,
)
from tensorflow_serving.config import (
    file_system_storage_path_source_pb2 as source_pb2,
)
from tensorflow_serving.config import (
    model_server_config_pb2,
)

from facedetect.model import tensorflow as tf
from facedetect.model_ref import ModelRef
from facedetect.tfserving import serving_pb2 as ours
from facedetect.tfserving.api import ServingError, latest_first
from facedetect.tfserving.grpc_client import (
    make_metadata_request,
    make_predict_request,
    make_status_request,
    read_metadata,
    read_prediction,
)
from facedetect.tfserving.tensor_proto import dtype_of, from_proto, to_proto

OFFICIAL: dict[str, type[Message]] = {
    "TensorShapeProto": tensor_shape_pb2.TensorShapeProto,
    "TensorProto": tensor_pb2.TensorProto,
    "ModelSpec": model_pb2.ModelSpec,
    "PredictRequest": predict_pb2.PredictRequest,
    "PredictResponse": predict_pb2.PredictResponse,
    "TensorInfo": meta_graph_pb2.TensorInfo,
    "SignatureDef": meta_graph_pb2.SignatureDef,
    "SignatureDefMap": get_model_metadata_pb2.SignatureDefMap,
    "GetModelMetadataRequest": get_model_metadata_pb2.GetModelMetadataRequest,
    "GetModelMetadataResponse": get_model_metadata_pb2.GetModelMetadataResponse,
    "StatusProto": status_pb2.StatusProto,
    "ModelVersionStatus": get_model_status_pb2.ModelVersionStatus,
    "GetModelStatusRequest": get_model_status_pb2.GetModelStatusRequest,
    "GetModelStatusResponse": get_model_status_pb2.GetModelStatusResponse,
    "PredictLog": prediction_log_pb2.PredictLog,
    "PredictionLog": prediction_log_pb2.PredictionLog,
    "FileSystemStoragePathSourceConfig": source_pb2.FileSystemStoragePathSourceConfig,
    "ModelConfig": model_server_config_pb2.ModelConfig,
    "ModelConfigList": model_server_config_pb2.ModelConfigList,
    "ModelServerConfig": model_server_config_pb2.ModelServerConfig,
}

generator = np.random.default_rng(0)
ARRAYS: dict[str, NDArray[Any]] = {
    **{
        dtype.__name__: generator.integers(0, 2, (2, 3)).astype(dtype)
        for dtype in (np.bool_, np.int8, np.int16, np.int32, np.int64)
    },
    **{
        dtype.__name__: generator.integers(0, 100, (3, 1, 2)).astype(dtype)
        for dtype in (np.uint8, np.uint16, np.uint32, np.uint64)
    },
    **{
        dtype.__name__: generator.standard_normal((4, 2)).astype(dtype)
        for dtype in (np.float16, np.float32, np.float64)
    },
    "bytes": np.array([[b"a", b"\x00\xff"], [b"", b"more"]], object),
    "negative": np.array([-1, -(2**31)], np.int32),
    "not finite": np.array([np.nan, np.inf, -np.inf], np.float32),
    "transposed": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    "big endian": np.arange(4, dtype=">f4"),
    "empty": np.zeros((0, 4), np.float32),
    "no strings": np.zeros((0,), object),
    "scalar": np.array(1.5, np.float32),
    "one string": np.array(b"jpeg", object),
    "one of each": np.ones((1, 1), np.uint8),
}


def pixels() -> NDArray[np.uint8]:
    return generator.integers(0, 256, (48, 64, 3), np.uint8)


def fields_of(descriptor: Descriptor) -> Iterator[tuple[str, FieldDescriptor]]:
    for field in descriptor.fields:
        yield f"{descriptor.name}.{field.name}", field


@pytest.mark.parametrize("name", OFFICIAL)
def test_every_field_has_the_official_number_and_type(name: str) -> None:
    check_fields(ours.DESCRIPTOR.message_types_by_name[name], OFFICIAL[name].DESCRIPTOR)


def check_fields(mine: Descriptor, theirs: Any) -> None:
    for nested in mine.nested_types:
        check_fields(nested, theirs.nested_types_by_name[nested.name])
    official = {field.name: field for field in theirs.fields}
    for words, field in fields_of(mine):
        same = official[field.name]
        assert (field.number, field.is_repeated) == (same.number, same.is_repeated), words
        assert field.type == same.type, words
        assert field.containing_oneof is None or same.containing_oneof is not None, words


def test_every_message_is_held_against_the_official_one() -> None:
    assert set(ours.DESCRIPTOR.message_types_by_name) == set(OFFICIAL)


def test_types_states_and_codes_have_the_official_numbers() -> None:
    for name, number in ours.DataType.items():
        assert types_pb2.DataType.Value(name) == number
    assert ours.ModelVersionStatus.State.items() == (
        get_model_status_pb2.ModelVersionStatus.State.items()
    )
    for name, number in ours.Code.items():
        assert error_codes_pb2.Code.Value(name) == number
    for name in set(ours.DataType.keys()) - {"DT_INVALID"}:
        enum = ours.TensorInfo(dtype=name).dtype
        assert dtype_of(enum) == tf.as_dtype(enum).as_numpy_dtype


@pytest.mark.parametrize("name", ARRAYS)
def test_tensors_are_equal_both_ways(name: str) -> None:
    array = ARRAYS[name]
    sent = to_proto(array).SerializeToString(deterministic=True)
    official = tensor_pb2.TensorProto.FromString(sent)
    assert official.SerializeToString(deterministic=True) == sent
    assert np.array_equal(tf.make_ndarray(official), array, equal_nan=array.dtype.kind == "f")
    native = array.astype(array.dtype.newbyteorder("="))
    one_by_one = tf.make_tensor_proto(native.tolist(), official.dtype, native.shape)
    for told in (tf.make_tensor_proto(native), one_by_one):
        answer = ours.TensorProto.FromString(told.SerializeToString())
        read = from_proto(answer)
        assert read.dtype == native.dtype
        assert np.array_equal(read, array, equal_nan=array.dtype.kind == "f")


@pytest.mark.parametrize("name", ARRAYS)
def test_tensors_have_the_bytes_that_tensorflow_writes(name: str) -> None:
    """TensorFlow itself writes single values, and some types, one by one: another valid way."""
    array = ARRAYS[name]
    official = tf.make_tensor_proto(array.astype(array.dtype.newbyteorder("=")))
    if array.dtype != object:
        contents = np.ascontiguousarray(tf.make_ndarray(official)).tobytes()
        official = tensor_pb2.TensorProto(
            dtype=official.dtype, tensor_shape=official.tensor_shape, tensor_content=contents
        )
    assert to_proto(array).SerializeToString(deterministic=True) == official.SerializeToString(
        deterministic=True
    )


def test_left_out_repetitions_are_read_as_tensorflow_reads_them() -> None:
    for values in ([], [7.0], [1.0, 7.0]):
        official = tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, float_val=values)
        official.tensor_shape.dim.add(size=4)
        read = from_proto(ours.TensorProto.FromString(official.SerializeToString()))
        assert read.tolist() == tf.make_ndarray(official).tolist()


@pytest.mark.parametrize(
    "proto",
    [
        ours.TensorProto(dtype=ours.DT_INVALID),
        ours.TensorProto.FromString(b"\x08\x63"),  # type 99
        ours.TensorProto(dtype=ours.DT_FLOAT, tensor_content=b"123"),
        ours.TensorProto(dtype=ours.DT_STRING, tensor_content=b"123"),
        ours.TensorProto(dtype=ours.DT_FLOAT, float_val=[1, 2]),
        ours.TensorProto(
            dtype=ours.DT_FLOAT, tensor_shape=ours.TensorShapeProto(unknown_rank=True)
        ),
        ours.TensorProto(
            dtype=ours.DT_FLOAT,
            tensor_shape=ours.TensorShapeProto(dim=[ours.TensorShapeProto.Dim(size=-1)]),
        ),
        ours.TensorProto(
            dtype=ours.DT_FLOAT,
            tensor_shape=ours.TensorShapeProto(dim=[ours.TensorShapeProto.Dim(size=10**12)]),
        ),
    ],
)
def test_tensors_that_cannot_be_read_are_refused(proto: ours.TensorProto) -> None:
    with pytest.raises(ServingError, match="cannot be read") as caught:
        from_proto(proto)
    assert caught.value.code == ours.Code.DATA_LOSS


@pytest.mark.parametrize("array", [np.zeros(2, np.complex64), np.array([1, None], object)])
def test_arrays_that_cannot_be_sent_are_refused(array: NDArray[Any]) -> None:
    with pytest.raises(ValueError, match="array"):
        to_proto(array)


def official_spec(model: ModelRef, signature: str = "") -> model_pb2.ModelSpec:
    spec = model_pb2.ModelSpec(name=model.name, signature_name=signature)
    if model.version is not None:
        spec.version.value = model.version
    if model.label is not None:
        spec.version_label = model.label
    return spec


MODELS = [
    ModelRef("mtcnn"),
    ModelRef("mtcnn", version=0),
    ModelRef("mtcnn", 3),
    ModelRef("m", label="stable"),
]


@pytest.mark.parametrize("model", MODELS)
def test_requests_have_the_official_bytes(model: ModelRef) -> None:
    inputs: dict[str, NDArray[Any]] = {
        "input": pixels(),
        "thresholds": np.array([0.6, 0.7, 0.7], np.float32),
    }
    request = make_predict_request(model, inputs, "serving_uint8", ["prob", "box"])
    official = predict_pb2.PredictRequest(
        model_spec=official_spec(model, "serving_uint8"),
        inputs={name: tf.make_tensor_proto(array) for name, array in inputs.items()},
        output_filter=["prob", "box"],
    )
    pairs: list[tuple[Message, Message]] = [
        (request, official),
        (
            make_metadata_request(model),
            get_model_metadata_pb2.GetModelMetadataRequest(
                model_spec=official_spec(model), metadata_field=["signature_def"]
            ),
        ),
        (
            make_status_request(model),
            get_model_status_pb2.GetModelStatusRequest(model_spec=official_spec(model)),
        ),
    ]
    for mine, theirs in pairs:
        sent = mine.SerializeToString(deterministic=True)
        assert sent == theirs.SerializeToString(deterministic=True)
        assert type(theirs).FromString(sent) == theirs
        assert type(mine).FromString(theirs.SerializeToString()) == mine


def test_a_prediction_is_read() -> None:
    arrays = {"prob": np.array([0.9], np.float32), "box": np.zeros((0, 4), np.float32)}
    official = predict_pb2.PredictResponse(
        model_spec=official_spec(ModelRef("mtcnn", 7)),
        outputs={name: tf.make_tensor_proto(array) for name, array in arrays.items()},
    )
    found = read_prediction(ours.PredictResponse.FromString(official.SerializeToString()))
    assert found.version == 7
    assert {name: array.tolist() for name, array in found.outputs.items()} == {
        name: array.tolist() for name, array in arrays.items()
    }


def test_metadata_is_read() -> None:
    signature = meta_graph_pb2.SignatureDef(method_name="tensorflow/serving/predict")
    signature.inputs["x"].dtype = types_pb2.DT_FLOAT
    signature.inputs["x"].tensor_shape.dim.add(size=-1)
    signature.inputs["x"].tensor_shape.dim.add(size=3)
    signature.outputs["y"].dtype = types_pb2.DT_BFLOAT16
    signature.outputs["y"].tensor_shape.unknown_rank = True
    signatures = get_model_metadata_pb2.SignatureDefMap(signature_def={"s": signature})
    official = get_model_metadata_pb2.GetModelMetadataResponse(
        model_spec=official_spec(ModelRef("m", 2))
    )
    official.metadata["signature_def"].Pack(signatures)
    metadata = read_metadata(ours.GetModelMetadataResponse.FromString(official.SerializeToString()))
    assert metadata.version == 2
    read = metadata.signatures["s"]
    assert read.method_name == "tensorflow/serving/predict"
    assert dtype_of(read.inputs["x"].dtype) == np.dtype(np.float32)
    assert [dim.size for dim in read.inputs["x"].tensor_shape.dim] == [-1, 3]
    assert dtype_of(read.outputs["y"].dtype) is None
    assert read.outputs["y"].tensor_shape.unknown_rank


def test_statuses_are_read_latest_first() -> None:
    official = get_model_status_pb2.GetModelStatusResponse()
    official.model_version_status.add(version=1, state=30)
    failed = official.model_version_status.add(version=2, state=50)
    failed.status.error_code = 3
    failed.status.error_message = "no such file"
    response = ours.GetModelStatusResponse.FromString(official.SerializeToString())
    second, first = latest_first(response.model_version_status)
    assert (second.version, second.state) == (2, ours.ModelVersionStatus.END)
    assert (first.version, first.state) == (1, ours.ModelVersionStatus.AVAILABLE)
    assert second.status.error_code == ours.Code.INVALID_ARGUMENT
    assert second.status.error_message == "no such file"


def test_metadata_without_signatures_is_an_error() -> None:
    broken = ours.GetModelMetadataResponse()
    broken.metadata["signature_def"].value = b"\xff\xff"
    with pytest.raises(ServingError, match="cannot be read"):
        read_metadata(broken)
