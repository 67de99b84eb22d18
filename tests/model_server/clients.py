"""TensorFlow Serving's own stubs, used as by a client."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)
from tensorflow_serving.apis.get_model_status_pb2 import ModelVersionStatus

from facedetect.model import tensorflow as tf

UNLIMITED = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]


def spec_of(
    name: str = "m", version: int | None = None, label: str = "", signature: str = ""
) -> model_pb2.ModelSpec:
    spec = model_pb2.ModelSpec(name=name, signature_name=signature)
    if version is not None:
        spec.version.value = version
    if label:
        spec.version_label = label
    return spec


class Client:
    """One channel to a server on this machine."""

    def __init__(self, port: int) -> None:
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}", UNLIMITED)
        self.predictions = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)
        self.models = model_service_pb2_grpc.ModelServiceStub(self.channel)

    def predict(
        self,
        inputs: dict[str, Any],
        spec: model_pb2.ModelSpec | None = None,
        output_filter: Sequence[str] = (),
        timeout_s: float | None = 120,
    ) -> Any:
        request = predict_pb2.PredictRequest(
            model_spec=spec or spec_of(),
            inputs={name: tf.make_tensor_proto(value) for name, value in inputs.items()},
            output_filter=output_filter,
        )
        return self.predictions.Predict(request, timeout=timeout_s)

    def half_plus_two(self, x: float, spec: model_pb2.ModelSpec | None = None) -> tuple[int, float]:
        """Which version answered, and what."""
        response = self.predict({"x": np.array([x], np.float32)}, spec)
        return response.model_spec.version.value, response.outputs["y"].float_val[0]

    def count(self, n: int, timeout_s: float = 120) -> Any:
        return self.predict({"n": np.int32(n)}, spec_of(signature="count"), timeout_s=timeout_s)

    def metadata(self, spec: model_pb2.ModelSpec, field: str = "signature_def") -> Any:
        request = get_model_metadata_pb2.GetModelMetadataRequest(
            model_spec=spec, metadata_field=[field]
        )
        return self.predictions.GetModelMetadata(request, timeout=120)

    def statuses(self, spec: model_pb2.ModelSpec | None = None) -> list[ModelVersionStatus]:
        request = get_model_status_pb2.GetModelStatusRequest(model_spec=spec or spec_of())
        return list(self.models.GetModelStatus(request, timeout=120).model_version_status)

    def states(self) -> dict[int, str]:
        """By version; empty if there is none."""
        try:
            statuses = self.statuses()
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return {}
            raise
        return {s.version: ModelVersionStatus.State.Name(s.state) for s in statuses}

    def wait_for(self, states: dict[int, str]) -> None:
        deadline = time.monotonic() + 120
        while self.states() != states:
            assert time.monotonic() < deadline, f"{self.states()} instead of {states}"
            time.sleep(0.05)


@contextmanager
def held_call(client: Client, folder: Path, timeout_s: float = 120) -> Iterator[HeldCall]:
    """A call in progress when the block starts, which runs until released."""
    begun, go = folder / "begun", folder / "go"
    go.touch()
    inputs = {"begun": str(begun).encode(), "go": str(go).encode()}
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(client.predict, inputs, spec_of(signature="wait"), (), timeout_s)
        try:
            while not begun.exists():
                assert not answer.done(), answer.exception()
                time.sleep(0.01)
            yield HeldCall(answer, go)
        finally:
            go.write_text("go")


@dataclass(frozen=True)
class HeldCall:
    """See `held_call`."""

    answer: Future[Any]
    go: Path

    def let_go(self) -> Any:
        """Let it end; return its answer."""
        self.go.write_text("go")
        return self.answer.result()
