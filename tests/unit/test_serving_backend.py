"""When a model server's signatures are fetched."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from facedetect.backends import InferenceRequest
from facedetect.backends.mtcnn_signature import PIXELS_FIRST
from facedetect.backends.serving import ServingBackend
from facedetect.errors import BackendProtocolError, BackendUnavailable
from facedetect.model_ref import ModelRef
from facedetect.tfserving.api import (
    DEFAULT_SIGNATURE,
    Arrays,
    Metadata,
    Prediction,
    ServingError,
)
from facedetect.tfserving.serving_pb2 import Code, ModelVersionStatus, SignatureDef
from tests.unit.test_mtcnn_signature import HALF_PLUS_TWO, ours

REQUEST = InferenceRequest(np.zeros((20, 30, 3), np.uint8))
NO_FACES = {
    "prob": np.zeros(0, np.float32),
    "landmarks": np.zeros((0, 10), np.float32),
    "box": np.zeros((0, 4), np.float32),
}
ALL, ONE = ours(), {"serving_default": ours()["serving_default"]}


class ServerOfVersions:
    """A model server with these versions' signatures; it counts what it is asked."""

    def __init__(self, versions: dict[int, dict[str, SignatureDef]]) -> None:
        self.versions = versions
        self.asked: list[str] = []

    def predict(
        self,
        model: ModelRef,
        inputs: Arrays,  # noqa: ARG002 - the interface
        *,
        timeout_s: float,  # noqa: ARG002
        signature: str = DEFAULT_SIGNATURE,
        outputs: Sequence[str] = (),  # noqa: ARG002
    ) -> Prediction:
        version = self._version(model)
        self.asked.append(f"{signature} of {version}")
        if signature not in self.versions[version]:
            raise ServingError(Code.FAILED_PRECONDITION, f'Serving signature key "{signature}"')
        return Prediction(dict(NO_FACES), version)

    def metadata(self, model: ModelRef, *, timeout_s: float) -> Metadata:  # noqa: ARG002
        version = self._version(model)
        self.asked.append(f"metadata of {version}")
        return Metadata(version, self.versions[version])

    def status(self, model: ModelRef, *, timeout_s: float) -> list[ModelVersionStatus]:  # noqa: ARG002
        available = ModelVersionStatus.AVAILABLE
        return [
            ModelVersionStatus(version=v, state=available)
            for v in sorted(self.versions, reverse=True)
        ]

    def close(self) -> None:
        pass

    def _version(self, model: ModelRef) -> int:
        if model.label is not None:
            return min(self.versions)
        return max(self.versions) if model.version is None else model.version


MTCNN = ModelRef("mtcnn")


def backend_of(server: ServerOfVersions, model: ModelRef = MTCNN) -> ServingBackend:
    return ServingBackend(server, model, address="models:8500", forms=PIXELS_FIRST)


def test_signatures_are_asked_for_once_a_version() -> None:
    server = ServerOfVersions({1: ALL})
    backend = backend_of(server)
    for _ in range(3):
        assert backend.predict(REQUEST).model == ModelRef("mtcnn", 1)
        assert backend.check_ready() == ModelRef("mtcnn", 1)
    assert server.asked == ["metadata of 1", *["serving_uint8 of 1"] * 3]


def test_a_new_version_is_called_by_its_own_signatures() -> None:
    server = ServerOfVersions({1: ONE})
    backend = backend_of(server)
    backend.predict(REQUEST)
    server.versions[2] = ALL
    for _ in range(2):
        assert backend.predict(REQUEST).model.version == 2
    del server.versions[2]
    for _ in range(2):
        assert backend.predict(REQUEST).model.version == 1
    assert server.asked == [
        *["metadata of 1", "serving_default of 1"],
        *["serving_default of 2", "metadata of 2", "serving_uint8 of 2"],
        # What version 1 lacks is not called twice, and what it has is known.
        *["serving_uint8 of 1", "metadata of 1", "serving_default of 1", "serving_default of 1"],
    ]


def test_versions_and_labels_have_signatures_of_their_own() -> None:
    server = ServerOfVersions({1: ONE, 2: ALL})
    backend = backend_of(server)
    for model in (ModelRef(version=1), ModelRef(), ModelRef(label="old"), ModelRef(version=1)):
        backend.predict(InferenceRequest(REQUEST.image, model=model))
    assert server.asked == [
        *["metadata of 1", "serving_default of 1", "metadata of 2", "serving_uint8 of 2"],
        *["metadata of 1", "serving_default of 1", "serving_default of 1"],
    ]
    assert backend_of(server, ModelRef("mtcnn", label="old")).check_ready().version == 1


def test_a_model_that_is_not_mtcnn_is_not_ready_until_another_version_is() -> None:
    server = ServerOfVersions({1: {"serving_default": HALF_PLUS_TWO}})
    backend = backend_of(server)
    for use in (backend.check_ready, lambda: backend.predict(REQUEST)):
        with pytest.raises(
            BackendUnavailable, match=r"mtcnn version 1 cannot detect faces.*convert"
        ):
            use()
    server.versions[2] = ALL
    assert backend.check_ready().version == 2
    assert backend.predict(REQUEST).model.version == 2


def test_a_call_that_fails_for_another_reason_is_not_repeated() -> None:
    server = ServerOfVersions({1: ALL})
    backend = backend_of(server)
    backend.predict(REQUEST)
    server.versions[1] = {**ALL}
    server.asked.clear()

    def refuse(*_: object, **__: object) -> Prediction:
        server.asked.append("predict")
        raise ServingError(Code.INVALID_ARGUMENT, "something else")

    server.predict = refuse  # type: ignore[method-assign]
    with pytest.raises(BackendProtocolError, match="failed"):
        backend.predict(REQUEST)
    assert server.asked == ["predict", "metadata of 1"]
