"""The SavedModel's signatures, with the tensors that they feed and fetch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from facedetect.detection_params import DetectionParams


@dataclass(frozen=True)
class SignatureSpec:
    """Inputs and outputs by name; a TensorSpec's name is that of the tensor in the graph.

    `defaults` are the values of inputs that a call may omit, but only over gRPC: TensorFlow
    Serving's REST API requires every input.
    """

    inputs: dict[str, tf.TensorSpec]
    outputs: dict[str, tf.TensorSpec]
    defaults: dict[str, Any] = field(default_factory=dict)

    def to_proto(self) -> tf.compat.v1.SignatureDef:
        saved_model = tf.compat.v1.saved_model
        signature = saved_model.build_signature_def(
            _tensor_infos(self.inputs),
            _tensor_infos(self.outputs),
            saved_model.signature_constants.PREDICT_METHOD_NAME,
        )
        for name, value in self.defaults.items():
            tensor = tf.make_tensor_proto(value, self.inputs[name].dtype)
            signature.defaults[name].CopyFrom(tensor)
        return signature


def _tensor_infos(specs: dict[str, tf.TensorSpec]) -> dict[str, tf.compat.v1.TensorInfo]:
    """Types and shapes are the specs', even where the graph's own shapes are less precise."""
    return {
        name: tf.compat.v1.TensorInfo(
            name=f"{spec.name}:0",
            dtype=spec.dtype.as_datatype_enum,
            tensor_shape=spec.shape.as_proto(),
        )
        for name, spec in specs.items()
    }


def _faces(scope: str = "") -> dict[str, tf.TensorSpec]:
    return {
        "prob": tf.TensorSpec([None], tf.float32, f"{scope}prob"),
        "landmarks": tf.TensorSpec([None, 10], tf.float32, f"{scope}landmarks"),
        "box": tf.TensorSpec([None, 4], tf.float32, f"{scope}box"),
    }


def _batched(specs: dict[str, tf.TensorSpec]) -> dict[str, tf.TensorSpec]:
    return {
        name: tf.TensorSpec([None, *spec.shape], spec.dtype, f"batch/{name}")
        for name, spec in specs.items()
    }


PARAMETERS = {
    "min_size": tf.TensorSpec([], tf.float32, "min_size"),
    "thresholds": tf.TensorSpec([3], tf.float32, "thresholds"),
    "factor": tf.TensorSpec([], tf.float32, "factor"),
}
DEFAULTS = {name: getattr(DetectionParams(), name) for name in PARAMETERS}
FLOAT = SignatureSpec(
    {"input": tf.TensorSpec([None, None, 3], tf.float32, "image_float"), **PARAMETERS},
    _faces("float/"),
    DEFAULTS,
)
UINT8 = SignatureSpec(
    {"input": tf.TensorSpec([None, None, 3], tf.uint8, "image_uint8"), **PARAMETERS},
    _faces(),
    DEFAULTS,
)
BATCH = SignatureSpec(
    _batched({"image_bytes": tf.TensorSpec([], tf.string), **PARAMETERS}),
    {"count": tf.TensorSpec([None], tf.int32, "batch/count"), **_batched(_faces())},
)
# Here the graph itself has the parameters' defaults, so that a REST row needs only the image.
BYTES = SignatureSpec({"image_bytes": BATCH.inputs["image_bytes"]}, BATCH.outputs)

SIGNATURES = {
    "serving_default": FLOAT,
    "serving_uint8": UINT8,
    "serving_bytes": BYTES,
    "serving_batch": BATCH,
}
BATCHED_SIGNATURES = {"serving_bytes": BYTES, "serving_batch": BATCH}
"""The signatures that TensorFlow Serving's batching can call."""
