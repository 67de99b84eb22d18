"""Labelled pictures from what lies at a path, whichever layout it has."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

import numpy as np

from facedetect.errors import InvalidDataset, InvalidSettings
from facedetect.evaluation.datasets import wider
from facedetect.evaluation.datasets.coco import read_coco
from facedetect.evaluation.datasets.json_files import LINES, read_json, read_json_lines
from facedetect.evaluation.datasets.json_rows import read_rows
from facedetect.evaluation.truth import Protocol, Truth


class Kind(StrEnum):
    """Layouts of labelled pictures."""

    WIDER = "wider"
    COCO = "coco"
    ROWS = "rows"


def open_truth(
    path: Path, *, images: Path | None = None, kind: Kind | None = None, one_based: bool = False
) -> Truth:
    """Read the labels of a folder, WIDER FACE's, or of a JSON file.

    `images` is the folder that the pictures' names begin in, `kind` what lies at `path`; both are
    found out if they are not given. With `one_based`, the coordinates in the JSON file give the top
    left pixel as 1, as MATLAB does; they are moved by one.

    Raises InvalidDataset for whatever is wrong with the labels or the pictures, InvalidSettings if
    the options do not fit them.
    """
    if path.is_dir():
        if one_based:
            raise InvalidSettings(
                f"{path} is a folder, whose layout says what its coordinates count from; leave "
                "--one-based out, it is for JSON files"
            )
        truth = _open_folder(path, images, kind)
    else:
        truth = _open_file(path, images or path.parent, kind, one_based=one_based)
    _check(truth, path)
    return truth


def _open_folder(folder: Path, images: Path | None, kind: Kind | None) -> Truth:
    labels = wider.find_wider(folder) if kind in {None, Kind.WIDER} else {}
    if any(name in labels for name in wider.LABELS):
        return wider.read_wider(labels, images or folder / wider.IMAGES)
    if kind in {Kind.COCO, Kind.ROWS}:
        raise InvalidDataset(f"{folder} is a folder; name the JSON file that holds the labels")
    raise InvalidDataset(
        f"in {folder} and below there is neither {' nor '.join(wider.LABELS)}; name the folder "
        "that holds WIDER FACE, labels and all, or a JSON file"
    )


def _open_file(path: Path, images: Path, kind: Kind | None, *, one_based: bool) -> Truth:
    if kind == Kind.WIDER:
        raise InvalidDataset(
            f"{path} is not a folder; name the folder that holds {kind}'s labels and pictures"
        )
    if path.suffix == LINES and kind in {None, Kind.ROWS}:
        return read_rows(read_json_lines(path), images, one_based=one_based)
    data = read_json(path)
    if kind is None:
        kind = Kind.COCO if isinstance(data, dict) else Kind.ROWS
    if kind == Kind.COCO:
        return read_coco(data, str(path), images, one_based=one_based)
    if not isinstance(data, list):
        raise InvalidDataset(
            f"{path} holds no list of rows; write [{{...}}, ...], or a row a line in a file named "
            f"*{LINES}"
        )
    rows = ((f"{path}, row {number}", row) for number, row in enumerate(data, start=1))
    return read_rows(rows, images, one_based=one_based)


def _check(truth: Truth, path: Path) -> None:
    """Raise InvalidDataset unless there are faces to find in pictures that are there."""
    _check_names([image.name for image in truth.images], path)
    for image in truth.images:
        if not _is_file(image.path):
            raise InvalidDataset(
                f"{path} names {image.name}, and there is no file {image.path}; give the folder in "
                "which the names begin with --images"
            )
    for subset in truth.subsets:
        if not _count_faces(truth, subset):
            raise InvalidDataset(
                f"{path} has no face that must be found in the subset {subset}; there is nothing "
                "to measure"
            )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name longer than any file's
        return False


def _check_names(names: Sequence[str], path: Path) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InvalidDataset(
                f"{path} has two pictures named {name}; give every picture one entry with all its "
                "faces"
            )
        seen.add(name)


def _count_faces(truth: Truth, subset: str) -> int:
    if truth.protocol == Protocol.LANDMARKS:
        points = [image.landmarks for image in truth.images if image.landmarks is not None]
        return sum(int(np.isfinite(faces).all(axis=(1, 2)).sum()) for faces in points)
    return sum(int(image.counted[subset].sum()) for image in truth.images)
