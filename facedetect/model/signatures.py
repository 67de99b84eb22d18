"""The signatures of the SavedModel: the table that builder, manifest and tests share."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

_PARAMETERS = {
    "min_size": tf.TensorSpec([], tf.float32),
    "thresholds": tf.TensorSpec([3], tf.float32),
    "factor": tf.TensorSpec([], tf.float32),
}
_FACES = {
    "prob": tf.TensorSpec([None], tf.float32),
    "landmarks": tf.TensorSpec([None, 10], tf.float32),
    "box": tf.TensorSpec([None, 4], tf.float32),
}


@dataclass(frozen=True)
class SignatureSpec:
    """Inputs and outputs by name."""

    inputs: dict[str, tf.TensorSpec]
    outputs: dict[str, tf.TensorSpec]


FLOAT = SignatureSpec({"input": tf.TensorSpec([None, None, 3], tf.float32), **_PARAMETERS}, _FACES)
UINT8 = SignatureSpec({"input": tf.TensorSpec([None, None, 3], tf.uint8), **_PARAMETERS}, _FACES)
BYTES = SignatureSpec({"image_bytes": tf.TensorSpec([], tf.string), **_PARAMETERS}, _FACES)
BATCH = SignatureSpec(
    inputs={
        "image_bytes": tf.TensorSpec([None], tf.string),
        "min_size": tf.TensorSpec([None], tf.float32),
        "thresholds": tf.TensorSpec([None, 3], tf.float32),
        "factor": tf.TensorSpec([None], tf.float32),
    },
    outputs={
        "count": tf.TensorSpec([None], tf.int32),
        "prob": tf.TensorSpec([None, None], tf.float32),
        "landmarks": tf.TensorSpec([None, None, 10], tf.float32),
        "box": tf.TensorSpec([None, None, 4], tf.float32),
    },
)

SIGNATURES = {
    "serving_default": FLOAT,
    "serving_uint8": UINT8,
    "serving_bytes": BYTES,
    "serving_batch": BATCH,
}
