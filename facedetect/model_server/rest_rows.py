"""Inputs and outputs in the row format of TensorFlow Serving's REST API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from facedetect.model_server.rest_columns import decode_value, encode_value, is_encoded_bytes
from facedetect.model_server.serving_errors import invalid_argument
from facedetect.tfserving.api import Arrays


def decode_rows(instances: Any, infos: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Read a request's "instances": a list of objects by name, or of values of the only input.

    Raises InvalidArgumentError for anything else, for names not in `infos`, and for rows of unequal
    shapes or values of other types.
    """
    if not isinstance(instances, list):
        raise invalid_argument("Excepting 'instances' to be an list/array")
    if not instances:
        raise invalid_argument("No values in 'instances' array")
    if not _is_object(instances[0]):
        if len(infos) > 1:
            raise invalid_argument(
                "instances is a plain list, but expecting list of objects as multiple input "
                "tensors required as per tensorinfo_map"
            )
        return {name: decode_value(name, instances, info.dtype) for name, info in infos.items()}
    for number, row in enumerate(instances):
        _check_row(number, row, infos)
    return {
        name: decode_value(name, [row[name] for row in instances], info.dtype)
        for name, info in infos.items()
    }


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and not is_encoded_bytes(value)


def _check_row(number: int, row: Any, infos: Mapping[str, Any]) -> None:
    if not _is_object(row):
        raise invalid_argument(f"Expecting object but got list at item {number} of input list")
    unknown = sorted(set(row) - set(infos))
    if unknown:
        raise invalid_argument(
            f"Failed to process element: {number} key: {unknown[0]} of 'instances' list. Error: "
            f"INVALID_ARGUMENT: JSON object: does not have named input: {unknown[0]}"
        )
    if set(row) != set(infos):
        raise invalid_argument(
            f"Failed to process element: {number} of 'instances' list. JSON object: keys must be "
            f"equal to: {','.join(sorted(infos))}"
        )


def encode_rows(outputs: Arrays) -> list[Any]:
    """Write a response's "predictions": a list of objects by name, or of the only output's values.

    Raises InvalidArgumentError for outputs whose first dimensions differ.
    """
    sizes = {name: array.shape[:1] for name, array in outputs.items()}
    expected = next(iter(sizes.values()))
    for name, size in sizes.items():
        if not size:
            raise invalid_argument(f"Tensor name: {name} has no shape information ")
        if size != expected:
            raise invalid_argument(
                f"Tensor name: {name} has inconsistent batch size: {size[0]} "
                f"expecting: {expected[0]}"
            )
    columns = {name: encode_value(name, array) for name, array in outputs.items()}
    if len(columns) == 1:
        return list(next(iter(columns.values())))
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
