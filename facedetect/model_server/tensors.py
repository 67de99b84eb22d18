"""TensorProto to arrays and back, as TensorFlow Serving reads and writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorflow.core.framework import tensor_pb2, types_pb2

from facedetect.model import tensorflow as tf
from facedetect.model_server.refusals import invalid_argument

# TensorFlow Serving answers in these fields, not in tensor_content, and clients read them.
_FIELDS = {
    types_pb2.DT_FLOAT: "float_val",
    types_pb2.DT_DOUBLE: "double_val",
    types_pb2.DT_INT8: "int_val",
    types_pb2.DT_INT16: "int_val",
    types_pb2.DT_INT32: "int_val",
    types_pb2.DT_UINT8: "int_val",
    types_pb2.DT_UINT16: "int_val",
    types_pb2.DT_INT64: "int64_val",
    types_pb2.DT_UINT32: "uint32_val",
    types_pb2.DT_UINT64: "uint64_val",
    types_pb2.DT_BOOL: "bool_val",
    types_pb2.DT_STRING: "string_val",
}


def read_inputs(
    protos: Mapping[str, tensor_pb2.TensorProto], infos: Mapping[str, Any]
) -> dict[str, NDArray[Any]]:
    """Read a request's tensors; names that `infos` lacks pass unchecked.

    Raises InvalidArgumentError for a tensor that is broken or not of its input's type.
    """
    return {
        name: _read(name, proto, infos[name].dtype if name in infos else proto.dtype)
        for name, proto in protos.items()
    }


def _read(name: str, proto: tensor_pb2.TensorProto, dtype: int) -> NDArray[Any]:
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


def write_tensor(array: NDArray[Any]) -> tensor_pb2.TensorProto:
    """Write an array into the field for its type."""
    dtype = tf.as_dtype(array.dtype)
    field = _FIELDS.get(dtype.as_datatype_enum)
    if field is None:
        return tf.make_tensor_proto(array)
    proto = tensor_pb2.TensorProto(
        dtype=dtype.as_datatype_enum, tensor_shape=tf.TensorShape(array.shape).as_proto()
    )
    getattr(proto, field).extend(np.ravel(array).tolist())
    return proto
