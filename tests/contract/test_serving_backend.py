"""What only a backend does that asks a model server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from facedetect.backends import InferenceRequest, open_backend
from facedetect.errors import BackendProtocolError, ModelNotFound
from facedetect.images import BGRImage
from facedetect.model import tensorflow as tf
from facedetect.model_server.development_server import ModelServer
from facedetect.model_server.versioned_model import VersionedModel
from tests.contract.conftest import url_of
from tests.model_servers import serving

SCHEMES = ["grpc", "http"]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_model_of_another_name_is_not_found(
    builtin_server: ModelServer, scheme: str, astronaut: BGRImage
) -> None:
    with closing(open_backend(url_of(builtin_server, scheme, "faces"))) as backend:
        with pytest.raises(ModelNotFound, match="does not serve faces"):
            backend.predict(InferenceRequest(astronaut))
        with pytest.raises(ModelNotFound, match="does not serve faces"):
            backend.check_ready()


def write_model(folder: Path, outputs: dict[str, list[int]]) -> None:
    """One version of a model with MTCNN's signature whose outputs have any shapes."""

    class Model(tf.Module):  # type: ignore[misc]
        @tf.function(
            input_signature=[
                tf.TensorSpec([None, None, 3], tf.uint8, "input"),
                tf.TensorSpec([], tf.float32, "min_size"),
                tf.TensorSpec([3], tf.float32, "thresholds"),
                tf.TensorSpec([], tf.float32, "factor"),
            ]
        )
        def run(self, input, min_size, thresholds, factor):  # type: ignore[no-untyped-def] # noqa: A002, ANN001, ANN202
            used = (
                min_size + factor + tf.reduce_sum(thresholds) + tf.cast(input[0, 0, 0], tf.float32)
            )
            return {name: tf.zeros(shape) + 0 * used for name, shape in outputs.items()}

    model = Model()
    tf.saved_model.save(model, str(folder), signatures={"serving_uint8": model.run})


WRONG_SHAPES: dict[str, tuple[dict[str, list[int]], str]] = {  # by the model's version
    "1": ({"prob": [2], "landmarks": [2, 10], "box": [3, 4]}, "with shapes"),
    "2": ({"prob": [], "landmarks": [2, 10], "box": [2, 4]}, "with shapes"),
    "3": ({"scores": [2], "boxes": [2, 4]}, "failed"),
}


@pytest.fixture(scope="module")
def wrong_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    folder = tmp_path_factory.mktemp("wrong") / "mtcnn"
    for version, (outputs, _) in WRONG_SHAPES.items():
        write_model(folder / version, outputs)
    with serving(VersionedModel("mtcnn", folder, set)) as running:
        yield running


@pytest.mark.parametrize("version", WRONG_SHAPES)
def test_answers_of_the_wrong_shape_are_told(
    version: str, wrong_server: ModelServer, astronaut: BGRImage
) -> None:
    """REST asks for a signature that this model lacks."""
    for scheme, message in (("grpc", WRONG_SHAPES[version][1]), ("http", "failed")):
        url = f"{url_of(wrong_server, scheme)}?version={version}"
        with (
            closing(open_backend(url)) as backend,
            pytest.raises(BackendProtocolError, match=message),
        ):
            backend.predict(InferenceRequest(astronaut))
