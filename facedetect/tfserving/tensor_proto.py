"""Convert NumPy arrays to TensorProto and back."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facedetect.tfserving import serving_pb2 as pb
from facedetect.tfserving.api import ServingError

# Wire type -> NumPy type, and the field for single values.
_TYPES: dict[pb.DataType, tuple[np.dtype[Any], str]] = {
    pb.DT_FLOAT: (np.dtype(np.float32), "float_val"),
    pb.DT_DOUBLE: (np.dtype(np.float64), "double_val"),
    pb.DT_HALF: (np.dtype(np.float16), "half_val"),
    pb.DT_INT8: (np.dtype(np.int8), "int_val"),
    pb.DT_INT16: (np.dtype(np.int16), "int_val"),
    pb.DT_INT32: (np.dtype(np.int32), "int_val"),
    pb.DT_INT64: (np.dtype(np.int64), "int64_val"),
    pb.DT_UINT8: (np.dtype(np.uint8), "int_val"),
    pb.DT_UINT16: (np.dtype(np.uint16), "int_val"),
    pb.DT_UINT32: (np.dtype(np.uint32), "uint32_val"),
    pb.DT_UINT64: (np.dtype(np.uint64), "uint64_val"),
    pb.DT_BOOL: (np.dtype(np.bool_), "bool_val"),
    pb.DT_STRING: (np.dtype(object), "string_val"),
}

# A few bytes can claim any shape, so this limits how many values a message may omit.
_MAX_REPETITIONS = 2**22

_ENUMS = {dtype: enum for enum, (dtype, _) in _TYPES.items()}


def dtype_of(enum: pb.DataType) -> np.dtype[Any] | None:
    """Return the NumPy type of a wire type; None if there is none."""
    known = _TYPES.get(enum)
    return known[0] if known else None


def value_field(enum: pb.DataType) -> str | None:
    """Return TensorProto's field for single values; None if they cannot be written directly."""
    known = _TYPES.get(enum)
    return known[1] if known and enum != pb.DT_HALF else None


def to_proto(array: NDArray[Any]) -> pb.TensorProto:
    """Encode an array, text as UTF-8. Arrays of type object hold bytes or text.

    Raises ValueError for types that are not in the table above.
    """
    shape = pb.TensorShapeProto(dim=[pb.TensorShapeProto.Dim(size=side) for side in array.shape])
    if array.dtype.kind in "OSU":
        strings = [as_bytes(item) for item in array.ravel().tolist()]
        return pb.TensorProto(dtype=pb.DT_STRING, tensor_shape=shape, string_val=strings)
    native = array.dtype.newbyteorder("<")
    enum = _ENUMS.get(array.dtype.newbyteorder("="))
    if enum is None:
        known = ", ".join(sorted(str(dtype) for dtype in _ENUMS))
        raise ValueError(f"an array has the type {array.dtype}; it must be one of {known}")
    contents = array.astype(native, copy=False).tobytes()
    return pb.TensorProto(dtype=enum, tensor_shape=shape, tensor_content=contents)


def from_proto(proto: pb.TensorProto) -> NDArray[Any]:
    """Decode a tensor; raises ServingError if its values do not match its type and shape."""
    shape = tuple(dim.size for dim in proto.tensor_shape.dim)
    if proto.dtype not in _TYPES or proto.tensor_shape.unknown_rank or min(shape, default=0) < 0:
        raise _unreadable(proto, "its type or its shape is unknown")
    dtype, field = _TYPES[proto.dtype]
    count = math.prod(shape)
    if proto.tensor_content:
        values = _from_content(proto, dtype, count)
    else:
        values = _repeat_last(_one_by_one(getattr(proto, field), dtype), count)
    if values.size != count:
        raise _unreadable(proto, f"it holds {values.size} values")
    return values.reshape(shape)


def _from_content(proto: pb.TensorProto, dtype: np.dtype[Any], count: int) -> NDArray[Any]:
    if dtype.hasobject or len(proto.tensor_content) != count * dtype.itemsize:
        raise _unreadable(proto, f"it holds {len(proto.tensor_content)} bytes")
    return np.frombuffer(proto.tensor_content, dtype.newbyteorder("<")).astype(dtype)


def _one_by_one(values: Iterable[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    if dtype == np.float16:
        return np.array(values, np.uint16).view(np.float16)  # stored as the bits of an integer
    return np.array(values, dtype)


def _repeat_last(values: NDArray[Any], count: int) -> NDArray[Any]:
    """Fill up omitted values: a message may omit repetitions of its last value, or all zeros."""
    missing = count - values.size
    if not 0 < missing <= _MAX_REPETITIONS:
        return values
    nothing = b"" if values.dtype == object else 0
    last = values[-1] if values.size else nothing
    return np.concatenate([values, np.full(missing, last, values.dtype)])


def as_bytes(item: object) -> bytes:
    """Encode one element of a string array; raises ValueError if it is neither bytes nor text."""
    if isinstance(item, str):
        return item.encode()
    if isinstance(item, bytes):
        return item
    raise ValueError(
        f"an array of type object holds {type(item).__name__}; it must hold bytes or text"
    )


def _unreadable(proto: pb.TensorProto, problem: str) -> ServingError:
    shape = [dim.size for dim in proto.tensor_shape.dim]
    return ServingError(
        pb.Code.DATA_LOSS,
        f"a tensor of type {proto.dtype} and shape {shape} cannot be read: {problem}",
    )
