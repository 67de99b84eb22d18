"""Warm-up calls, so that the first image of a common size is not slow.

TensorFlow prepares its convolutions for each new image size, which takes a few milliseconds. The
calls use the most common sizes of cameras and phones with the default parameters. Two more have
low thresholds, so that the noise in their images reaches all three nets.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from facedetect.detection_params import DetectionParams
from facedetect.images import encode_image
from facedetect.model.guards import WorkLimits
from facedetect.model.manifest import EXTRA_FOLDER
from facedetect.tfserving import serving_pb2 as pb
from facedetect.tfserving.tensor_proto import to_proto

_RECORDS = "tf_serving_warmup_requests"

_COMMON_SIZES_HW = (
    (480, 640),
    (512, 512),
    (600, 800),
    (640, 640),
    (720, 1280),
    (768, 1024),
    (960, 1280),
    (1080, 1920),
)
_ALL_NETS_SIZES_HW = ((480, 640), (720, 1280))
_ALL_NETS = DetectionParams(min_size=40, thresholds=(0.2, 0.005, 0.005))

_BLOCK = 20  # px: noise as coarse as faces, which compresses well


def warmup_calls(limits: WorkLimits) -> Iterator[tuple[NDArray[np.uint8], DetectionParams]]:
    """Yield images and parameters that the limits allow; deterministic."""
    generator = np.random.default_rng(0)
    for sizes_hw, params in (
        (_ALL_NETS_SIZES_HW, _ALL_NETS),
        (_COMMON_SIZES_HW, DetectionParams()),
    ):
        for height, width in sizes_hw:
            is_allowed = height * width <= limits.max_image_pixels
            if is_allowed and params.pyramid_pixels(width, height) <= limits.max_pyramid_pixels:
                yield _noise(generator, height, width), params


def _noise(generator: np.random.Generator, height: int, width: int) -> NDArray[np.uint8]:
    shape = (-(-height // _BLOCK), -(-width // _BLOCK), 3)
    coarse = generator.integers(0, 256, shape, dtype=np.uint8)
    return coarse.repeat(_BLOCK, axis=0).repeat(_BLOCK, axis=1)[:height, :width]


def write_warmup_records(folder: Path, limits: WorkLimits, signatures: Collection[str]) -> None:
    """Write the records that TensorFlow Serving runs before serving the SavedModel.

    They call the named signatures.
    """
    path = folder / EXTRA_FOLDER / _RECORDS
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for image, params in warmup_calls(limits):
            for request in _requests(image, params):
                if request.model_spec.signature_name not in signatures:
                    continue
                log = pb.PredictLog(request=request)
                record = pb.PredictionLog(predict_log=log)
                writer.write(record.SerializeToString(deterministic=True))


def read_warmup_requests(folder: Path) -> Iterator[pb.PredictRequest]:
    """Read the warm-up records of any SavedModel, if it has any.

    Raises UnimplementedError for records of methods other than Predict.
    """
    path = folder / EXTRA_FOLDER / _RECORDS
    if not path.is_file():
        return
    for record in tf.compat.v1.io.tf_record_iterator(str(path)):
        log = pb.PredictionLog.FromString(record)
        if not log.HasField("predict_log"):
            message = (
                f"{path} contains a record other than a predict_log; this server runs only those"
            )
            raise tf.errors.UnimplementedError(None, None, message)
        yield log.predict_log.request


def _requests(image: NDArray[np.uint8], params: DetectionParams) -> Iterator[pb.PredictRequest]:
    """Yield a request for `serving_bytes`; if all nets run, also for every other signature.

    Raw pixels come from a corner of the image: whole images would take megabytes, and all
    signatures share what TensorFlow prepares.
    """
    encoded = np.array([encode_image(image, ".png")], object)
    if params != _ALL_NETS:
        yield _request("serving_bytes", {"image_bytes": encoded})
        return
    single = {
        "min_size": np.array(params.min_size, np.float32),
        "thresholds": np.array(params.thresholds, np.float32),
        "factor": np.array(params.factor, np.float32),
    }
    rows = {name: value[np.newaxis] for name, value in single.items()}
    yield _request("serving_batch", {"image_bytes": encoded, **rows})
    corner = image[:100, :160]
    yield _request("serving_uint8", {"input": corner, **single})
    yield _request("serving_default", {"input": corner.astype(np.float32), **single})


def _request(signature: str, inputs: dict[str, NDArray[Any]]) -> pb.PredictRequest:
    request = pb.PredictRequest()
    request.model_spec.name = "mtcnn"  # ignored by the server: records are stored with their model
    request.model_spec.signature_name = signature
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(to_proto(value))
    return request
