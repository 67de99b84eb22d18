"""Arrays as the REST API's JSON."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from facedetect.tfserving.tensor_json import array_from_json, array_to_json


@pytest.mark.parametrize(
    ("array", "value"),
    [
        (np.array([[1.5, 2]], np.float32), [[1.5, 2.0]]),
        (np.array(7, np.uint8), 7),
        (np.array([True, False]), [True, False]),
        (np.zeros((0,), np.int64), []),
        (np.array([[b"jpeg", b"\x00\xff"]], object), [[{"b64": "anBlZw=="}, {"b64": "AP8="}]]),
        (np.array(b"jpeg", object), {"b64": "anBlZw=="}),
        (np.zeros((0,), object), []),
        (np.zeros((2, 0), object), [[], []]),
    ],
)
def test_arrays_pass_both_ways(array: NDArray[Any], value: Any) -> None:
    assert array_to_json(array) == value
    read = array_from_json(value, array.dtype)
    assert (read.dtype, read.shape) == (array.dtype, array.shape)
    assert read.tolist() == array.tolist()


def test_text_is_sent_as_base64_or_plain() -> None:
    for array in (np.array(["é", "b"]), np.array(["é", b"b"], object)):
        assert array_to_json(array) == [{"b64": "w6k="}, {"b64": "Yg=="}]
        assert array_to_json(array, as_text=True) == ["é", "b"]
    assert array_to_json(np.array([b"\xff"], object), as_text=True) == [{"b64": "/w=="}]
    assert array_from_json(["é", {"b64": "Yg=="}], np.dtype(object)).tolist() == [b"\xc3\xa9", b"b"]


def test_other_objects_are_refused() -> None:
    with pytest.raises(ValueError, match="must hold bytes or text"):
        array_to_json(np.array([1, None], object))


@pytest.mark.parametrize(
    ("value", "dtype", "words"),
    [
        ([1.5], np.int32, "float64"),
        ([None], np.float32, "object"),
        ([True], np.float32, "bool"),
        ([1], np.bool_, "int64"),
        (["1"], np.float32, "it holds"),
        ([[1], [1, 2]], np.float32, "inhomogeneous"),
        ([300], np.uint8, "out of range"),
        ([-1], np.uint8, "out of range"),
        ([1], object, "int; give strings"),
        ([["a"], "b"], object, "lists differ in length"),
        ([["a"], ["b", "c"]], object, "lists differ in length"),
        ({"b64": "?"}, object, "b64 cannot be decoded"),
        ({"b64": 1}, object, "dict; give strings"),
        ({"b64": "Yg==", "more": 1}, object, "dict; give strings"),
    ],
)
def test_values_of_another_type_are_refused(value: Any, dtype: Any, words: str) -> None:
    with pytest.raises((TypeError, ValueError, OverflowError), match=words):
        array_from_json(value, np.dtype(dtype))
