"""Both clients with real servers, and models unrelated to faces."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from facedetect.errors import InvalidParams
from facedetect.model import tensorflow as tf
from facedetect.model_ref import ModelRef
from facedetect.model_server.development_server import ModelServer
from facedetect.model_server.versioned_model import VersionedModel
from facedetect.tfserving.api import ServingClient, ServingError
from facedetect.tfserving.grpc_client import GrpcClient
from facedetect.tfserving.rest_client import RestClient
from facedetect.tfserving.serving_pb2 import DT_FLOAT, DT_STRING, Code, ModelVersionStatus
from tests.model_servers import serving

HALF = ModelRef("half_plus_two")
X = {"x": np.array([1.0, 2.0, 5.0], np.float32)}


class HalfPlusTwo(tf.Module):  # type: ignore[misc]
    """TensorFlow Serving's own example, and a signature of strings and several outputs."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def predict(self, x):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
        return {"y": x / 2 + 2}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text")])
    def count(self, text):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
        length = tf.strings.length(text)
        return {"length": length, "upper": tf.strings.upper(text), "is_long": length > 2}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    folder = tmp_path_factory.mktemp("models") / "half_plus_two"
    module = HalfPlusTwo()
    signatures = {"serving_default": module.predict, "count": module.count}
    for version in ("1", "2"):
        tf.saved_model.save(module, str(folder / version), signatures=signatures)
    with serving(VersionedModel("half_plus_two", folder, set, {"stable": 1})) as running:
        yield running


@pytest.fixture(params=["grpc", "rest"])
def client(request: pytest.FixtureRequest, server: ModelServer) -> Iterator[ServingClient]:
    made: ServingClient
    if request.param == "grpc":
        made = GrpcClient(f"127.0.0.1:{server.port}")
    else:
        made = RestClient(f"http://127.0.0.1:{server.rest_port}")
    yield made
    made.close()


def test_half_plus_two(client: ServingClient) -> None:
    found = client.predict(HALF, X, timeout_s=20)
    assert list(found.outputs) == ["y"]
    assert found.outputs["y"].dtype == np.float32
    assert found.outputs["y"].tolist() == [2.5, 3.0, 4.5]
    assert found.version == 2


def test_nothing_in_and_nothing_out(client: ServingClient) -> None:
    found = client.predict(HALF, {"x": np.zeros(0, np.float32)}, timeout_s=20)
    assert found.outputs["y"].shape == (0,)
    assert found.outputs["y"].dtype == np.float32


def test_strings_integers_and_booleans(client: ServingClient) -> None:
    text = {"text": np.array([b"a", b"face"], object)}
    found = client.predict(HALF, text, signature="count", timeout_s=20).outputs
    assert found["length"].tolist() == [1, 4]
    assert found["upper"].tolist() == [b"A", b"FACE"]
    assert found["is_long"].tolist() == [False, True]
    assert [found[name].dtype for name in ("length", "upper", "is_long")] == [np.int32, "O", "?"]
    some = client.predict(HALF, text, signature="count", outputs=["length"], timeout_s=20)
    assert set(some.outputs) == {"length"}


@pytest.mark.parametrize(
    ("model", "version"),
    [(HALF, 2), (ModelRef("half_plus_two", 1), 1), (ModelRef("half_plus_two", label="stable"), 1)],
)
def test_versions_and_labels(client: ServingClient, model: ModelRef, version: int) -> None:
    assert client.predict(model, X, timeout_s=20).version == version
    assert client.metadata(model, timeout_s=20).version == version


def test_metadata_lists_the_signatures(client: ServingClient) -> None:
    signatures = client.metadata(HALF, timeout_s=20).signatures
    assert {"serving_default", "count"} <= set(signatures)
    x = signatures["serving_default"].inputs["x"]
    assert (x.dtype, [dim.size for dim in x.tensor_shape.dim]) == (DT_FLOAT, [-1])
    assert signatures["count"].outputs["upper"].dtype == DT_STRING
    assert signatures["count"].method_name == "tensorflow/serving/predict"


def test_status_lists_the_versions_latest_first(client: ServingClient) -> None:
    statuses = client.status(HALF, timeout_s=20)
    available = ModelVersionStatus.AVAILABLE
    assert [(s.version, s.state) for s in statuses] == [(2, available), (1, available)]
    (first,) = client.status(ModelRef("half_plus_two", 1), timeout_s=20)
    assert (first.version, first.status.error_code) == (1, Code.OK)


@pytest.mark.parametrize(
    ("model", "inputs", "signature", "code"),
    [
        (ModelRef("whole_plus_two"), X, "serving_default", Code.NOT_FOUND),
        (ModelRef("half_plus_two", 9), X, "serving_default", Code.NOT_FOUND),
        (HALF, {"z": X["x"]}, "serving_default", Code.INVALID_ARGUMENT),
        (ModelRef("half_plus_two", label="unknown"), X, "serving_default", Code.INVALID_ARGUMENT),
    ],
)
def test_refusals_have_their_codes(
    client: ServingClient,
    model: ModelRef,
    inputs: dict[str, np.ndarray],
    signature: str,
    code: int,
) -> None:
    with pytest.raises(ServingError) as caught:
        client.predict(model, inputs, signature=signature, timeout_s=20)
    assert caught.value.code == code
    assert client.predict(HALF, X, timeout_s=20).version == 2, "the next call works"


def test_signatures_and_outputs_that_are_not_there_are_refused(client: ServingClient) -> None:
    refusals = {Code.INVALID_ARGUMENT, Code.FAILED_PRECONDITION}
    for signature, outputs in (("regress", []), ("serving_default", ["z"])):
        with pytest.raises(ServingError) as caught:
            client.predict(HALF, X, signature=signature, outputs=outputs, timeout_s=20)
        assert caught.value.code in refusals


def test_numbers_that_are_not_finite_pass(client: ServingClient) -> None:
    x = np.array([np.nan, np.inf, -np.inf], np.float32)
    found = client.predict(HALF, {"x": x}, timeout_s=20).outputs["y"]
    assert np.array_equal(found, x, equal_nan=True)


def test_a_closed_client_says_so(server: ModelServer) -> None:
    clients: list[ServingClient] = [
        GrpcClient(f"127.0.0.1:{server.port}"),
        RestClient(f"http://127.0.0.1:{server.rest_port}"),
    ]
    for client in clients:
        client.predict(HALF, X, timeout_s=20)
        client.close()
        with pytest.raises(ServingError, match="closed"):
            client.predict(HALF, X, timeout_s=20)


def test_a_model_has_a_version_or_a_label() -> None:
    with pytest.raises(InvalidParams, match="give only one"):
        ModelRef("m", 1, "stable")
    for version in (-1, 2**63):
        with pytest.raises(InvalidParams, match="must be from 0"):
            ModelRef("m", version)


@pytest.mark.parametrize("label", ["..", ".", ""])
def test_labels_do_not_lead_elsewhere_in_a_path(server: ModelServer, label: str) -> None:
    client = RestClient(f"http://127.0.0.1:{server.rest_port}")
    with pytest.raises(ServingError, match="must not be empty"):
        client.predict(ModelRef("half_plus_two", label=label), X, timeout_s=20)
    client.close()
