"""The protocol over gRPC, spoken by TensorFlow Serving's own stubs."""

from __future__ import annotations

from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    inference_pb2,
    model_management_pb2,
    predict_pb2,
    regression_pb2,
)
from tensorflow_serving.apis.model_pb2 import ModelSpec

from facedetect.images import BGRImage
from facedetect.model import tensorflow as tf
from facedetect.model_server.development_server import ModelServer
from tests.model_server.clients import Client, spec_of

X = np.array([1, 2, 5], np.float32)
ONE = np.int32(1)


@pytest.mark.parametrize(
    ("spec", "version"),
    [
        (spec_of(), 2),
        (spec_of(version=1), 1),
        (spec_of(label="stable"), 1),
        (spec_of(label="canary"), 2),
    ],
)
def test_versions_and_labels_are_served_and_named(
    client: Client, spec: ModelSpec, version: int
) -> None:
    response = client.predict({"x": X}, spec)
    assert tf.make_ndarray(response.outputs["y"]).tolist() == [2.5, 3, 4.5]
    assert list(response.outputs["y"].float_val) == [2.5, 3, 4.5]
    expected = spec_of(version=version, signature="serving_default")
    assert response.model_spec == expected


def test_the_filter_chooses_the_outputs(client: Client) -> None:
    inputs = {"x": X, "n": ONE}
    both = spec_of(signature="both")
    assert set(client.predict(inputs, both).outputs) == {"y", "n_plus_one"}
    chosen = client.predict(inputs, both, ["n_plus_one"]).outputs
    assert tf.make_ndarray(chosen["n_plus_one"]) == 2
    assert set(chosen) == {"n_plus_one"}


def test_bytes_pass_through(client: Client) -> None:
    for text in (np.array([[b"a\x00", b"\xff"]], object), np.array(b"one", object)):
        echo = client.predict({"text": text}, spec_of(signature="echo")).outputs["text"]
        assert tf.make_ndarray(echo).tolist() == text.tolist()


def test_large_messages_pass(client: Client) -> None:
    x = np.zeros((1500, 1500, 3), np.float32)
    assert tf.make_ndarray(client.predict({"x": x}).outputs["y"]).shape == x.shape


BOTH = spec_of(signature="both")
PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
NOT_DONE = grpc.StatusCode.UNIMPLEMENTED
INVALID, MISSING = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize(
    ("inputs", "spec", "output_filter", "code", "words"),
    [
        ({"x": X}, spec_of("other"), [], MISSING, "Servable not found for request: Latest(other)"),
        ({"x": X}, spec_of(version=7), [], MISSING, "not found for request: Specific(m, 7)"),
        ({"x": X}, spec_of(label="gone"), [], MISSING, "not found for request: Specific(m, 9)"),
        ({"x": X}, spec_of(label="no"), [], INVALID, "Unrecognized servable version label: no"),
        ({"x": X}, spec_of(signature="no"), [], PRECONDITION, 'key "no" not found'),
        ({"z": X}, spec_of(), [], INVALID, "alias: x(feed name: x:0) not found in request"),
        ({"x": X}, BOTH, [], INVALID, "Sent extra: {}. Missing but required: {n}."),
        ({"x": X, "n": ONE}, spec_of(), [], INVALID, "Sent extra: {n}. Missing but"),
        ({"x": ONE}, spec_of(), [], INVALID, "Expects x to be float32 but int32 is provided"),
        ({"x": X, "n": [ONE]}, BOTH, [], INVALID, "shape"),
        ({"x": X}, spec_of(), ["z"], INVALID, "output tensor alias not found in signature: z"),
        ({"x": X}, spec_of(), ["y", "y"], INVALID, "duplicate output tensor alias: y"),
    ],
)
def test_refusals(
    client: Client,
    inputs: dict[str, Any],
    spec: ModelSpec,
    output_filter: list[str],
    code: grpc.StatusCode,
    words: str,
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        client.predict(inputs, spec, output_filter)
    assert caught.value.code() is code
    assert words in str(caught.value.details())


@pytest.mark.parametrize(
    "broken",
    [
        tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, tensor_content=b"123"),
        tensor_pb2.TensorProto(dtype=99),
        tensor_pb2.TensorProto(),
    ],
)
def test_broken_tensors_are_refused(client: Client, broken: tensor_pb2.TensorProto) -> None:
    request = predict_pb2.PredictRequest(model_spec=spec_of(), inputs={"x": broken})
    with pytest.raises(grpc.RpcError) as caught:
        client.predictions.Predict(request, timeout=120)
    assert caught.value.code() is INVALID


def test_the_deadline_ends_the_run(client: Client) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        client.count(2**31 - 1, timeout_s=0.5)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert client.half_plus_two(1)[1] == 2.5


def test_calls_need_no_deadline(client: Client) -> None:
    assert client.predict({"x": X}, timeout_s=None).outputs["y"].float_val[0] == 2.5


def test_metadata_holds_the_signatures(client: Client) -> None:
    response = client.metadata(spec_of())
    assert response.model_spec == spec_of(version=2)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    signature = signatures.signature_def["serving_default"]
    assert signature.inputs["x"].dtype == types_pb2.DT_FLOAT
    assert signature.method_name == "tensorflow/serving/predict"
    for spec, field, code in (
        (spec_of("other"), "signature_def", MISSING),
        (spec_of(), "weights", INVALID),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            client.metadata(spec, field)
        assert caught.value.code() is code


def test_statuses(client: Client) -> None:
    assert [status.version for status in client.statuses()] == [2, 1]
    assert set(client.states().values()) == {"AVAILABLE"}
    assert [status.version for status in client.statuses(spec_of(version=1))] == [1]
    for label in ("stable", "unknown"):
        assert [status.version for status in client.statuses(spec_of(label=label))] == [2, 1]
    for spec in (spec_of("other"), spec_of(version=7)):
        with pytest.raises(grpc.RpcError, match="Could not find") as caught:
            client.statuses(spec)
        assert caught.value.code() is MISSING


def test_an_input_with_a_default_may_be_left_out(client: Client) -> None:
    scaled = spec_of(signature="scaled")
    two = np.array(2, np.float32)
    for sent, y in (({"x": X}, 3 * X), ({"x": X, "scale": two}, 2 * X)):
        found = client.predict(sent, scaled).outputs["y"]
        assert tf.make_ndarray(found).tolist() == y.tolist()
    refused: list[tuple[dict[str, Any], str]] = [
        ({"scale": two}, "x:0) not found in request and no default value provided"),
        ({"x": X, "z": X}, "Inputs contains invalid name"),
    ]
    for inputs, words in refused:
        with pytest.raises(grpc.RpcError) as caught:
            client.predict(inputs, scaled)
        assert caught.value.code() is INVALID
        assert words in str(caught.value.details())


def test_health_and_reflection_are_those_of_grpc(client: Client) -> None:
    health = health_pb2_grpc.HealthStub(client.channel)
    answer = health.Check(health_pb2.HealthCheckRequest(), timeout=120)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    described = ProtoReflectionDescriptorDatabase(client.channel)
    assert {
        *("tensorflow.serving.PredictionService", "tensorflow.serving.ModelService"),
        "grpc.health.v1.Health",
    } <= set(described.get_services())
    service = DescriptorPool(described).FindServiceByName("tensorflow.serving.PredictionService")
    official = predict_pb2.PredictRequest(model_spec=spec_of())
    official.inputs["x"].CopyFrom(tf.make_tensor_proto(X))
    request: Any = GetMessageClass(service.methods_by_name["Predict"].input_type)
    assert request.FromString(official.SerializeToString()).model_spec.name == "m"


def test_examples_are_refused_in_tensorflow_servings_words(client: Client) -> None:
    stub = client.predictions
    calls = [
        (stub.Classify, classification_pb2.ClassificationRequest, "", INVALID, "Expected classif"),
        (stub.Regress, regression_pb2.RegressionRequest, "", INVALID, "Was: tensorflow/serving/pr"),
        (stub.Regress, regression_pb2.RegressionRequest, "no", INVALID, "No signature was found"),
        (
            stub.Regress,
            regression_pb2.RegressionRequest,
            "regress",
            NOT_DONE,
            "does not support regress",
        ),
    ]
    for call, request, signature, code, words in calls:
        with pytest.raises(grpc.RpcError) as caught:
            call(request(model_spec=spec_of(signature=signature)), timeout=120)
        assert caught.value.code() is code
        assert words in str(caught.value.details())
    request = inference_pb2.MultiInferenceRequest()
    with pytest.raises(grpc.RpcError) as caught:
        stub.MultiInference(request, timeout=120)
    assert caught.value.code() is NOT_DONE


def test_what_is_not_offered_is_unimplemented(client: Client) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        client.models.HandleReloadConfigRequest(model_management_pb2.ReloadConfigRequest())
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_guards_of_the_built_in_model_are_invalid_arguments(
    builtin_server: ModelServer, astronaut: BGRImage
) -> None:
    client = Client(builtin_server.port)
    spec = ModelSpec(name="mtcnn", signature_name="serving_uint8")
    found = client.predict({"input": astronaut}, spec).outputs
    assert tf.make_ndarray(found["box"]).shape == (1, 4)
    with pytest.raises(grpc.RpcError, match="factor must be from") as caught:
        client.predict({"input": astronaut, "factor": np.float32(1.5)}, spec)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "assertion failed: [factor must be from 0.1" in str(caught.value.details())
    assert "Graph execution error" not in str(caught.value.details())
