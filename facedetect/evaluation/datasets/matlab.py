"""MATLAB's files: cell arrays of cell arrays, as WIDER FACE's labels are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from facedetect.errors import InvalidDataset
from facedetect.evaluation.extra import evaluation_extra
from facedetect.evaluation.truth import FloatArray


def load_mat(path: Path, needed: tuple[str, ...]) -> dict[str, Any]:
    """The variables of a .mat file, of which some must be there.

    Raises InvalidDataset, or InvalidSettings without SciPy.
    """
    with evaluation_extra(f"reading {path}"):
        from scipy.io import loadmat
    try:
        mat = dict(loadmat(path))
    except NotImplementedError as error:
        raise InvalidDataset(
            f"{path} is a MATLAB file of version 7.3, which is not read here; save it with -v7, or "
            "take the labels as text, wider_face_val_bbx_gt.txt"
        ) from error
    except Exception as error:  # what damaged bytes make it raise is of many kinds
        raise InvalidDataset(f"{path} is no MATLAB file that can be read: {error}") from error
    missing = [name for name in needed if name not in mat]
    if missing:
        raise InvalidDataset(
            f"{path} has no {', '.join(missing)}; take the file as WIDER FACE publishes it"
        )
    return mat


def cells(value: Any) -> list[Any]:
    """What a cell array holds, in order, whichever way it lies."""
    return list(np.ravel(value))


def flat(value: Any) -> list[Any]:
    """What the cell arrays within a cell array hold: of each event, its pictures."""
    return [inner for cell in cells(value) for inner in cells(cell)]


def text(cell: Any) -> str:
    """A cell's text: SciPy gives it as an array of one."""
    return str(np.ravel(cell)[0])


def numbers(cell: Any) -> FloatArray:
    """A cell's numbers in a row: MATLAB stores them in the smallest type that holds them."""
    return np.asarray(cell, np.float64).ravel()
