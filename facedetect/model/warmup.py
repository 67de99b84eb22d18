"""Calls that warm a model up, so that the first real image need not wait.

TensorFlow plans its work anew for each size of image, and makes its kernels ready at their first
use: a few sizes, through all three nets, leave little to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from facedetect.faces import DetectionParams
from facedetect.images import encode_image
from facedetect.model.guards import WorkLimits
from facedetect.model.manifest import EXTRA_FOLDER

_RECORDS = "tf_serving_warmup_requests"

# The server runs the records on the model they lie beside, whatever its name.
_MODEL_NAME = "mtcnn"

_SIZES_HW = ((480, 640), (720, 1280))

# Low enough for noise to pass all three nets, so that each of them runs.
_PARAMS = DetectionParams(min_size=40, thresholds=(0.3, 0.01, 0.01))


@dataclass(frozen=True)
class WarmupCall:
    image: NDArray[np.uint8]
    params: DetectionParams


def warmup_calls(limits: WorkLimits) -> Iterator[WarmupCall]:
    """Calls of several sizes, within the limits of the model; the same ones every time."""
    generator = np.random.default_rng(0)
    for height, width in _SIZES_HW:
        coarse = generator.integers(0, 256, (height // 20, width // 20, 3), dtype=np.uint8)
        is_allowed = height * width <= limits.max_image_pixels
        if is_allowed and _PARAMS.pyramid_pixels(width, height) <= limits.max_pyramid_pixels:
            yield WarmupCall(coarse.repeat(20, axis=0).repeat(20, axis=1), _PARAMS)


def write_warmup_records(folder: Path, limits: WorkLimits) -> None:
    """Write what TensorFlow Serving runs before it serves the SavedModel in `folder`."""
    path = folder / EXTRA_FOLDER / _RECORDS
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for call in warmup_calls(limits):
            for request in _requests(call):
                log = prediction_log_pb2.PredictLog(request=request)
                record = prediction_log_pb2.PredictionLog(predict_log=log)
                writer.write(record.SerializeToString(deterministic=True))


def _requests(call: WarmupCall) -> Iterator[predict_pb2.PredictRequest]:
    """The call by the signatures that take encoded images, a corner of it by the other two.

    All of them run the same function, and pixels as they are would fill megabytes.
    """
    params = call.params
    single = {
        "min_size": np.array(params.min_size, np.float32),
        "thresholds": np.array(params.thresholds, np.float32),
        "factor": np.array(params.factor, np.float32),
    }
    batch = {name: value[np.newaxis] for name, value in single.items()}
    encoded = np.array(encode_image(call.image, ".png"), object)
    corner = call.image[:100, :160]
    yield _request("serving_bytes", {"image_bytes": encoded, **single})
    yield _request("serving_batch", {"image_bytes": encoded[np.newaxis], **batch})
    yield _request("serving_uint8", {"input": corner, **single})
    yield _request("serving_default", {"input": corner.astype(np.float32), **single})


def _request(signature: str, inputs: dict[str, NDArray[Any]]) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = _MODEL_NAME
    request.model_spec.signature_name = signature
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return request
