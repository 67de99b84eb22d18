"""Open a labelled dataset in any supported format."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import numpy as np

from facedetect.errors import InvalidDataset, InvalidSettings
from facedetect.evaluation.dataset import Dataset, Metric
from facedetect.evaluation.datasets import wider_labels
from facedetect.evaluation.datasets.coco_labels import read_coco
from facedetect.evaluation.datasets.label_files import (
    JSON_LINES_SUFFIX,
    read_json,
    read_json_lines,
)
from facedetect.evaluation.datasets.label_rows import read_rows


class DatasetKind(StrEnum):
    """Dataset formats."""

    WIDER = "wider"
    COCO = "coco"
    ROWS = "rows"


def open_dataset(
    path: Path,
    *,
    images: Path | None = None,
    kind: DatasetKind | None = None,
    one_based: bool = False,
) -> Dataset:
    """Read the WIDER FACE folder or a JSON file with labels.

    `images` is the folder that image names are relative to. `kind` and `images` are detected unless
    given. With `one_based`, the top left pixel is (1, 1) in the JSON file, as in MATLAB, and 1 is
    subtracted from all coordinates.

    Raises InvalidDataset for invalid labels or missing images, InvalidSettings for options that do
    not apply to the dataset.
    """
    if path.is_dir():
        if one_based:
            raise InvalidSettings(
                f"{path} is a WIDER FACE folder, whose coordinates start at 0; remove --one-based, "
                "which is for JSON files"
            )
        dataset = _open_folder(path, images, kind)
    else:
        dataset = _open_file(path, images or path.parent, kind, one_based=one_based)
    _check_images(dataset, path)
    _check_subsets(dataset, path)
    return dataset


def _open_folder(folder: Path, images: Path | None, kind: DatasetKind | None) -> Dataset:
    if kind in {DatasetKind.COCO, DatasetKind.ROWS}:
        raise InvalidDataset(f"{folder} is a folder; give the JSON file with the labels")
    files = wider_labels.find_wider(folder)
    if not any(name in files for name in wider_labels.LABELS):
        raise InvalidDataset(
            f"{folder} contains neither {' nor '.join(wider_labels.LABELS)}; give the WIDER FACE "
            "folder, or a JSON file with labels"
        )
    return wider_labels.read_wider(files, images or folder / wider_labels.IMAGES)


def _open_file(path: Path, images: Path, kind: DatasetKind | None, *, one_based: bool) -> Dataset:
    if kind is DatasetKind.WIDER:
        raise InvalidDataset(f"{path} is not a folder; give the WIDER FACE folder")
    if path.suffix == JSON_LINES_SUFFIX and kind is not DatasetKind.COCO:
        return read_rows(read_json_lines(path), images, one_based=one_based)
    data = read_json(path)
    if kind is None:
        kind = DatasetKind.COCO if isinstance(data, dict) else DatasetKind.ROWS
    if kind is DatasetKind.COCO:
        return read_coco(data, str(path), images, one_based=one_based)
    if not isinstance(data, list):
        raise InvalidDataset(
            f"{path} is not a list of rows; write [{{...}}, ...], or one row per line in a file "
            f"named *{JSON_LINES_SUFFIX}"
        )
    rows = ((f"{path}, row {number}", row) for number, row in enumerate(data, start=1))
    return read_rows(rows, images, one_based=one_based)


def _check_images(dataset: Dataset, path: Path) -> None:
    """Raise InvalidDataset if an image is listed twice or has no file."""
    names: set[str] = set()
    for image in dataset.images:
        if image.name in names:
            raise InvalidDataset(
                f"{path} lists {image.name} twice; put all faces of an image into one entry"
            )
        names.add(image.name)
        if not _is_file(image.path):
            raise InvalidDataset(
                f"{path} lists {image.name}, but {image.path} does not exist; set --images to "
                "the folder that image names are relative to"
            )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # the name is too long for a file name
        return False


def _check_subsets(dataset: Dataset, path: Path) -> None:
    """Raise InvalidDataset if a subset has no faces."""
    for subset in dataset.subsets:
        if not _count_faces(dataset, subset):
            raise InvalidDataset(
                f"{path} has no face in the subset {subset}, so there is nothing to measure; "
                "label a face or remove the subset"
            )


def _count_faces(dataset: Dataset, subset: str) -> int:
    if dataset.metric is Metric.LANDMARK_ERROR:
        landmarks = [image.landmarks for image in dataset.images if image.landmarks is not None]
        return sum(int(np.isfinite(faces).all(axis=(1, 2)).sum()) for faces in landmarks)
    return sum(int(image.subset_masks[subset].sum()) for image in dataset.images)
