"""Inputs and outputs in the column format of TensorFlow Serving's REST API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facedetect.model import tensorflow as tf
from facedetect.model_server.serving_errors import invalid_argument
from facedetect.tfserving.api import Arrays
from facedetect.tfserving.tensor_json import array_from_json, array_to_json

_BYTES_SUFFIX = "_bytes"


def decode_columns(inputs: Any, infos: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Read a request's "inputs": an object by name, or the bare value of the only input.

    Raises InvalidArgumentError for names other than those in `infos`, and for values of other
    types.
    """
    if not isinstance(inputs, dict) or is_encoded_bytes(inputs):
        if len(infos) != 1:
            raise invalid_argument("'inputs' must be an object: the signature has several inputs")
        inputs = dict.fromkeys(infos, inputs)
    unknown = sorted(set(inputs) - set(infos))
    if unknown:
        raise invalid_argument(f"Unknown named input: {', '.join(unknown)} in 'inputs' object.")
    missing = sorted(set(infos) - set(inputs))
    if missing:
        raise invalid_argument(f"Missing named input: {', '.join(missing)} in 'inputs' object.")
    return {name: decode_value(name, value, infos[name].dtype) for name, value in inputs.items()}


def is_encoded_bytes(value: Any) -> bool:
    """Return whether it is {"b64": ...}: a value rather than an object of named values."""
    return isinstance(value, dict) and set(value) == {"b64"}


def decode_value(name: str, value: Any, dtype: int) -> NDArray[Any]:
    """Read the value of the input `name`; raises InvalidArgumentError if it has another type."""
    expected = tf.as_dtype(dtype)
    try:
        return array_from_json(value, np.dtype(expected.as_numpy_dtype))
    except (TypeError, ValueError, OverflowError) as error:
        raise invalid_argument(
            f"JSON Value of {name} is not of expected type: {expected.name}: {error}"
        ) from error


def encode_columns(outputs: Arrays) -> Any:
    """Write a response's "outputs": an object by name, or the bare value of the only output."""
    columns = {name: encode_value(name, array) for name, array in outputs.items()}
    return columns if len(columns) != 1 else next(iter(columns.values()))


def encode_value(name: str, array: NDArray[Any]) -> Any:
    """Write an output.

    Strings are base64 if the output's name ends in `_bytes` or they are not UTF-8.
    """
    return array_to_json(array, as_text=not name.endswith(_BYTES_SUFFIX))
