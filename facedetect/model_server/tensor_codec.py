"""Convert TensorProto to arrays and back, as TensorFlow Serving does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from facedetect.model import tensorflow as tf
from facedetect.model_server.serving_errors import invalid_argument
from facedetect.tfserving import serving_pb2 as pb
from facedetect.tfserving.api import Arrays
from facedetect.tfserving.tensor_proto import value_field


def decode_inputs(
    protos: Mapping[str, pb.TensorProto], infos: Mapping[str, Any]
) -> dict[str, NDArray[Any]]:
    """Read a request's tensors. Names missing from `infos` are not checked here.

    Raises InvalidArgumentError for an invalid tensor, or one whose type is not its input's.
    """
    return {
        name: _decode(name, proto, infos[name].dtype if name in infos else proto.dtype)
        for name, proto in protos.items()
    }


def _decode(name: str, proto: pb.TensorProto, dtype: int) -> NDArray[Any]:
    if proto.dtype != dtype:
        raise invalid_argument(
            f"Expects {name} to be {_name(dtype)} but {_name(proto.dtype)} is provided"
        )
    try:
        array: NDArray[Any] = tf.make_ndarray(proto)
    except (TypeError, ValueError) as error:
        raise invalid_argument(f"Invalid TensorProto for {name}: {error}") from error
    return array


def _name(dtype: int) -> str:
    try:
        return str(tf.as_dtype(dtype).name)
    except TypeError:
        return f"type {dtype}"


def encode_outputs(outputs: Arrays) -> dict[str, pb.TensorProto]:
    """Write a response's tensors value by value.

    TensorFlow Serving does the same, and its clients read `float_val`, not `tensor_content`.
    """
    return {name: _encode(array) for name, array in outputs.items()}


def _encode(array: NDArray[Any]) -> pb.TensorProto:
    proto = pb.TensorProto.FromString(tf.make_tensor_proto(array).SerializeToString())
    field = value_field(proto.dtype)
    if proto.tensor_content and field is not None:
        proto.ClearField("tensor_content")
        getattr(proto, field).extend(array.ravel().tolist())
    return proto
