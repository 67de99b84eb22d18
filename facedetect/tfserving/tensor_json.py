"""Arrays as JSON in TensorFlow Serving's REST API: nested lists, bytes as {"b64": ...}."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facedetect.tfserving.tensor_proto import as_bytes

# The kinds of JSON numbers an array accepts, by its own kind. Others are rejected, not converted.
_ACCEPTED_KINDS = {"f": "fiu", "i": "iu", "u": "iu", "b": "b"}


def array_to_json(array: NDArray[Any], *, as_text: bool = False) -> Any:
    """Write nested lists; strings as {"b64": ...}, or with `as_text` as plain strings if UTF-8.

    Raises ValueError for an array of objects other than bytes and text.
    """
    if array.dtype.kind not in "OSU":
        return array.tolist()

    def encode(item: object) -> Any:
        contents = as_bytes(item)
        try:
            if as_text:
                return contents.decode()
        except UnicodeDecodeError:
            pass
        return {"b64": base64.b64encode(contents).decode("ascii")}

    return np.vectorize(encode, otypes=[object])(array).tolist()


def array_from_json(value: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Read nested lists of numbers, or for type object, of strings and {"b64": ...}.

    Raises TypeError, ValueError or OverflowError for values that do not fit the type, and for lists
    of unequal lengths.
    """
    if dtype.hasobject:
        strings: NDArray[Any] = np.vectorize(_bytes_from_json, otypes=[object])(
            np.array(value, object)
        )
        return strings
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


def _bytes_from_json(item: Any) -> bytes:
    if isinstance(item, str):
        return item.encode()
    if isinstance(item, list):
        raise ValueError("its lists differ in length")  # noqa: TRY004 - nor is it the type
    if not isinstance(item, dict) or set(item) != {"b64"} or not isinstance(item["b64"], str):
        raise TypeError(f'it holds {type(item).__name__}; give strings or {{"b64": ...}}')
    try:
        return base64.b64decode(item["b64"], validate=True)
    except binascii.Error as error:
        raise ValueError(f"b64 cannot be decoded: {error}") from error
