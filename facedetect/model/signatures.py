"""The signatures of the SavedModel, with the tensors of its graph that they feed and fetch."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf


@dataclass(frozen=True)
class SignatureSpec:
    """Inputs and outputs by name; the name within a TensorSpec is the tensor's in the graph."""

    inputs: dict[str, tf.TensorSpec]
    outputs: dict[str, tf.TensorSpec]

    def to_proto(self) -> tf.compat.v1.SignatureDef:
        saved_model = tf.compat.v1.saved_model
        return saved_model.build_signature_def(
            _tensor_infos(self.inputs),
            _tensor_infos(self.outputs),
            saved_model.signature_constants.PREDICT_METHOD_NAME,
        )


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
FLOAT = SignatureSpec(
    {"input": tf.TensorSpec([None, None, 3], tf.float32, "image_float"), **PARAMETERS},
    _faces("float/"),
)
UINT8 = SignatureSpec(
    {"input": tf.TensorSpec([None, None, 3], tf.uint8, "image_uint8"), **PARAMETERS}, _faces()
)
BYTES = SignatureSpec(
    {"image_bytes": tf.TensorSpec([], tf.string, "image_bytes"), **PARAMETERS}, _faces()
)
BATCH = SignatureSpec(
    _batched(BYTES.inputs),
    {"count": tf.TensorSpec([None], tf.int32, "batch/count"), **_batched(BYTES.outputs)},
)

SIGNATURES = {
    "serving_default": FLOAT,
    "serving_uint8": UINT8,
    "serving_bytes": BYTES,
    "serving_batch": BATCH,
}
