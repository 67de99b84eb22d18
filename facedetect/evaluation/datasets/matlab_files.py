"""Read MATLAB files with cell arrays, the format of WIDER FACE's labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from facedetect.arrays import Float64Array
from facedetect.errors import InvalidDataset
from facedetect.extras import requires_extra


def load_mat(path: Path, required: tuple[str, ...]) -> dict[str, Any]:
    """Return the variables of a .mat file.

    Raises InvalidDataset if the file cannot be read or lacks a `required` variable, InvalidSettings
    if SciPy is not installed.
    """
    with requires_extra(f"reading {path}", "evaluate"):
        from scipy.io import loadmat
    try:
        variables = dict(loadmat(path))
    except NotImplementedError as error:
        raise InvalidDataset(
            f"{path} is a MATLAB file of version 7.3, which is not supported; save it with -v7, or "
            "use the text file wider_face_val_bbx_gt.txt"
        ) from error
    except Exception as error:  # damaged files raise many kinds of exceptions
        raise InvalidDataset(f"{path} cannot be read as a MATLAB file: {error}") from error
    missing = [name for name in required if name not in variables]
    if missing:
        raise InvalidDataset(
            f"{path} has no {', '.join(missing)}; use the file as published by WIDER FACE"
        )
    return variables


def cells(array: Any) -> list[Any]:
    """Return the cells of a cell array, whether row or column."""
    return list(np.ravel(array))


def nested_cells(array: Any) -> list[Any]:
    """Return the cells of all cell arrays in a cell array."""
    return [inner for cell in cells(array) for inner in cells(cell)]


def cell_text(cell: Any) -> str:
    return str(np.ravel(cell)[0])


def cell_numbers(cell: Any) -> Float64Array:
    """Return a cell's numbers as floats: MATLAB stores them in the smallest type that fits."""
    return np.asarray(cell, np.float64).ravel()
