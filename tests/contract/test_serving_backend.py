"""Behaviour specific to backends that call a model server."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
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


@pytest.mark.parametrize("scheme", SCHEMES)
def test_answers_of_the_wrong_shape_are_told(scheme: str, tmp_path: Path) -> None:
    write_model(tmp_path / "mtcnn" / "1", {"prob": [2], "landmarks": [2, 10], "box": [3, 4]})
    with (
        serving(VersionedModel("mtcnn", tmp_path / "mtcnn")) as server,
        closing(open_backend(url_of(server, scheme))) as backend,
        pytest.raises(BackendProtocolError, match="with shapes"),
    ):
        backend.predict(InferenceRequest(np.zeros((20, 30, 3), np.uint8)))
