"""JSON to arrays and back, in the column format of TensorFlow Serving's REST API."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facedetect.model import tensorflow as tf
from facedetect.model_server.refusals import invalid_argument

# Which kinds of JSON's numbers an array's kind takes; the rest are refused, not converted.
_ACCEPTED_KINDS = {"f": "fiu", "i": "iu", "u": "iu", "b": "b"}
_BYTES_SUFFIX = "_bytes"


def read_columns(inputs: Any, infos: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Read a request's "inputs": an object by name, or the value itself of the only input.

    Names that `infos` lacks are refused. Raises InvalidArgumentError.
    """
    if not isinstance(inputs, dict) or set(inputs) == {"b64"}:
        if len(infos) != 1:
            raise invalid_argument("'inputs' must be an object: the signature has several inputs")
        inputs = dict.fromkeys(infos, inputs)
    unknown = sorted(set(inputs) - set(infos))
    if unknown:
        raise invalid_argument(f"Unknown named input: {', '.join(unknown)} in 'inputs' object.")
    missing = sorted(set(infos) - set(inputs))
    if missing:
        raise invalid_argument(f"Missing named input: {', '.join(missing)} in 'inputs' object.")
    return {name: _read(name, value, infos[name].dtype) for name, value in inputs.items()}


def write_columns(outputs: Mapping[str, NDArray[Any]]) -> Any:
    """What stands under "outputs": an object by name, or the value itself of the only output."""
    columns = {name: _write(name, array) for name, array in outputs.items()}
    return columns if len(columns) != 1 else next(iter(columns.values()))


def _read(name: str, value: Any, dtype: int) -> NDArray[Any]:
    expected = tf.as_dtype(dtype)
    try:
        if expected == tf.string:
            return _read_strings(value)
        return _read_numbers(value, np.dtype(expected.as_numpy_dtype))
    except (TypeError, ValueError, OverflowError) as error:
        raise invalid_argument(
            f"JSON Value of {name} is not of expected type: {expected.name}: {error}"
        ) from error


def _read_numbers(value: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
    array = np.array(value)
    if not array.size:
        return array.astype(dtype)
    if array.dtype.kind not in _ACCEPTED_KINDS.get(dtype.kind, ""):
        raise TypeError(f"it holds {array.dtype.name}")
    if dtype.kind in "iu" and not _fits(array, np.iinfo(dtype)):
        raise OverflowError("a number is out of range")
    return array.astype(dtype)


def _fits(array: NDArray[Any], bounds: np.iinfo[Any]) -> bool:
    return bool(array.min() >= bounds.min and array.max() <= bounds.max)


def _read_strings(value: Any) -> NDArray[Any]:
    """Lists become the array's sides; each {"b64": ...} or string is one element."""
    shape = []
    first = value
    while isinstance(first, list):
        shape.append(len(first))
        first = first[0] if first else None
    items = (_to_bytes(item) for item in _flattened(value, shape))
    return np.fromiter(items, object).reshape(shape)


def _flattened(value: Any, shape: list[int]) -> list[Any]:
    if not shape:
        return [value]
    if not isinstance(value, list) or len(value) != shape[0]:
        raise ValueError("its lists are not all of one length")
    return [item for part in value for item in _flattened(part, shape[1:])]


def _to_bytes(item: Any) -> bytes:
    if isinstance(item, str):
        return item.encode()
    if isinstance(item, dict) and set(item) == {"b64"} and isinstance(item["b64"], str):
        try:
            return base64.b64decode(item["b64"], validate=True)
        except binascii.Error as error:
            raise ValueError(f"b64 cannot be decoded: {error}") from error
    raise TypeError(f'it holds {type(item).__name__}; give strings or {{"b64": ...}}')


def _write(name: str, array: NDArray[Any]) -> Any:
    if array.dtype != object:
        return array.tolist()
    strings = [_to_json(item, as_base64=name.endswith(_BYTES_SUFFIX)) for item in array.flat]
    return _reshaped(iter(strings), list(array.shape))


def _reshaped(items: Any, shape: list[int]) -> Any:
    """Nested lists of `shape`; NumPy would take the objects apart."""
    if not shape:
        return next(items)
    return [_reshaped(items, shape[1:]) for _ in range(shape[0])]


def _to_json(item: bytes, *, as_base64: bool) -> Any:
    """Text where the bytes are text and the output's name does not say otherwise."""
    try:
        if not as_base64:
            return item.decode()
    except UnicodeDecodeError:
        pass
    return {"b64": base64.b64encode(item).decode("ascii")}
