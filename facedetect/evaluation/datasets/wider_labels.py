"""Reads the WIDER FACE validation set as published: images, labels and difficulty levels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from facedetect.errors import InvalidDataset
from facedetect.evaluation.dataset import (
    ALL,
    MAX_COORDINATE_PX,
    BoolArray,
    BoxArray,
    Dataset,
    FloatArray,
    LabelledImage,
    Metric,
)
from facedetect.evaluation.datasets.label_files import read_text
from facedetect.evaluation.datasets.matlab_files import (
    cell_numbers,
    cell_text,
    cells,
    load_mat,
    nested_cells,
)

LABELS = ("wider_face_val.mat", "wider_face_val_bbx_gt.txt")
"""The files with the boxes: either is enough, the first is preferred."""

IMAGES = Path("WIDER_val") / "images"

_LEVELS = {level: f"wider_{level}_val.mat" for level in ("easy", "medium", "hard")}
_SUFFIX = ".jpg"
_FACE_FIELDS, _BOX, _INVALID = 10, slice(0, 4), 7
_NO_FACE = ["0"] * _FACE_FIELDS

_WITHOUT_LEVELS = (
    f"{', '.join(_LEVELS.values())} of the official eval_tools not found: all valid faces form one "
    "subset, whose figures cannot be compared with published ones"
)


@dataclass(frozen=True, eq=False)
class _ImageLabels:
    """An image's boxes [n, 4], and which of them are not marked invalid [n]."""

    name: str
    boxes: BoxArray
    is_valid: BoolArray

    @property
    def stem(self) -> str:
        return PurePosixPath(self.name).stem

    @property
    def has_area(self) -> BoolArray:
        return np.asarray((self.boxes[:, 2:] > self.boxes[:, :2]).all(axis=1))


def find_wider(folder: Path) -> dict[str, Path]:
    """Return the label and level files in the folder and below, by their names."""
    wanted = {*LABELS, *_LEVELS.values()}
    return {path.name: path for path in sorted(folder.rglob("wider_*")) if path.name in wanted}


def read_wider(files: Mapping[str, Path], images: Path) -> Dataset:
    """Read the files that `find_wider` found; `images` has a folder for each event.

    With the three level files the subsets are easy, medium and hard, as officially. Otherwise
    there is one subset, all, in which invalid boxes and boxes without area are ignored. Raises
    InvalidDataset, and InvalidSettings if SciPy is needed but not installed.
    """
    labels = list(_read_labels(files))
    if all(name in files for name in _LEVELS.values()):
        return _to_dataset(tuple(_LEVELS), labels, _read_levels(files, labels), images)
    masks = [{ALL: image.is_valid & image.has_area} for image in labels]
    return replace(_to_dataset((ALL,), labels, masks, images), remarks=(_WITHOUT_LEVELS,))


def _to_dataset(
    subsets: tuple[str, ...],
    labels: Sequence[_ImageLabels],
    masks: Sequence[Mapping[str, BoolArray]],
    images: Path,
) -> Dataset:
    labelled = (
        LabelledImage(image.name, images / image.name, image.boxes, image_masks)
        for image, image_masks in zip(labels, masks, strict=True)
    )
    return Dataset(Metric.AVERAGE_PRECISION, subsets, tuple(labelled))


def _read_labels(files: Mapping[str, Path]) -> Iterator[_ImageLabels]:
    mat, text = LABELS
    return _read_mat(files[mat]) if mat in files else _read_text(files[text])


def _read_text(path: Path) -> Iterator[_ImageLabels]:
    """Read blocks of lines: an image's name, its number of faces, a line for each face."""
    texts = read_text(path).rstrip().split("\n")
    lines = (_LabelLine(path, number, text.strip()) for number, text in enumerate(texts, start=1))
    for line in lines:
        if line.text.split() == _NO_FACE:  # follows an image without faces
            continue
        name, count = line.parse_name(), _next(lines, path).parse_count()
        faces = [_next(lines, path).parse_face() for _ in range(count)]
        table = np.array(faces, np.float64).reshape(-1, _FACE_FIELDS)
        yield _ImageLabels(name, _boxes_from_xywh(table[:, _BOX]), table[:, _INVALID] == 0)


@dataclass(frozen=True)
class _LabelLine:
    path: Path
    number: int
    text: str

    def parse_name(self) -> str:
        if not self.text.endswith(_SUFFIX):
            raise self._invalid(f"the name of an image, EVENT/NAME{_SUFFIX}")
        return self.text

    def parse_count(self) -> int:
        if not self.text.isdecimal():
            raise self._invalid("the number of faces in the image")
        return int(self.text)

    def parse_face(self) -> list[float]:
        try:
            numbers = [float(word) for word in self.text.split()]
        except ValueError:
            numbers = []
        is_valid = all(abs(number) <= MAX_COORDINATE_PX for number in numbers)
        if len(numbers) != _FACE_FIELDS or not is_valid:
            raise self._invalid(f"{_FACE_FIELDS} numbers: x, y, width, height, six attributes")
        return numbers

    def _invalid(self, expected: str) -> InvalidDataset:
        return InvalidDataset(
            f"{self.path}, line {self.number} is {self.text!r}; expected {expected}"
        )


def _next(lines: Iterator[_LabelLine], path: Path) -> _LabelLine:
    line = next(lines, None)
    if line is None:
        raise InvalidDataset(f"{path} ends within the faces of an image; download it again")
    return line


def _read_mat(path: Path) -> Iterator[_ImageLabels]:
    variables = load_mat(path, ("event_list", "file_list", "face_bbx_list"))
    names = _names(variables)
    boxes = [cell_numbers(cell).reshape(-1, 4) for cell in nested_cells(variables["face_bbx_list"])]
    # The copy of the file in eval_tools does not mark invalid boxes.
    marks = nested_cells(variables.get("invalid_label_list", np.zeros(0)))
    invalid = [cell_numbers(cell) for cell in marks] or [np.zeros(len(sizes)) for sizes in boxes]
    _check_equal(path, len(names), len(boxes), len(invalid))
    for name, sizes, flags in zip(names, boxes, invalid, strict=True):
        _check_equal(path, len(sizes), len(flags))
        yield _ImageLabels(name, _boxes_from_xywh(sizes), flags == 0)


def _names(variables: Mapping[str, Any]) -> list[str]:
    """Return EVENT/NAME.jpg of each image."""
    events = zip(cells(variables["event_list"]), cells(variables["file_list"]), strict=False)
    return [
        f"{cell_text(event)}/{cell_text(file)}{_SUFFIX}"
        for event, files in events
        for file in cells(files)
    ]


def _read_levels(
    files: Mapping[str, Path], labels: Sequence[_ImageLabels]
) -> list[dict[str, BoolArray]]:
    """Return the masks of each image by level."""
    levels = {level: _read_level(files[name], labels) for level, name in _LEVELS.items()}
    return [{level: masks[row] for level, masks in levels.items()} for row in range(len(labels))]


def _read_level(path: Path, labels: Sequence[_ImageLabels]) -> list[BoolArray]:
    """Return the mask of each image at one level."""
    variables = load_mat(path, ("file_list", "gt_list"))
    stems = [cell_text(cell) for cell in nested_cells(variables["file_list"])]
    indices = [cell_numbers(cell) for cell in nested_cells(variables["gt_list"])]
    _check_equal(path, len(stems), len(indices))
    by_stem = dict(zip(stems, indices, strict=True))
    if len(by_stem) < len(stems) or by_stem.keys() != {image.stem for image in labels}:
        raise InvalidDataset(
            f"{path} lists {len(by_stem)} images and the labels {len(labels)}, or different ones; "
            "use labels and levels of one release of WIDER FACE"
        )
    return [_mask(path, image, by_stem[image.stem]) for image in labels]


def _mask(path: Path, image: _ImageLabels, indices: FloatArray) -> BoolArray:
    """Return the mask for box indices that start at 1, as in MATLAB."""
    count = len(image.boxes)
    if len(indices) and not (indices.min() >= 1 and indices.max() <= count):
        raise InvalidDataset(
            f"{path} has box indices from {indices.min():g} to {indices.max():g} for {image.name}, "
            f"which has {count} boxes; use labels and levels of one release of WIDER FACE"
        )
    return np.isin(np.arange(1, count + 1), indices)


def _boxes_from_xywh(sizes: FloatArray) -> BoxArray:
    return np.hstack([sizes[:, :2], sizes[:, :2] + sizes[:, 2:]])


def _check_equal(path: Path, *lengths: int) -> None:
    if len(set(lengths)) > 1:
        raise InvalidDataset(
            f"{path} has lists of {', '.join(map(str, lengths))} entries, which must be equally "
            "long; download it again"
        )
