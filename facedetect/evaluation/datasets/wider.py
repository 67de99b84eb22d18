"""WIDER FACE's validation set as it is published: pictures, labels and levels of difficulty."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from facedetect.errors import InvalidDataset
from facedetect.evaluation.datasets.labels import boxes_of_sizes, has_area
from facedetect.evaluation.datasets.lines import Lines
from facedetect.evaluation.datasets.matlab import cells, flat, load_mat, numbers, text
from facedetect.evaluation.truth import (
    ALL,
    BoolArray,
    BoxArray,
    FloatArray,
    LabelledImage,
    Protocol,
    Truth,
)

LABELS = ("wider_face_val.mat", "wider_face_val_bbx_gt.txt")
"""The files that hold the boxes: one of them is enough, the first is preferred."""

IMAGES = Path("WIDER_val") / "images"

_LEVELS = {level: f"wider_{level}_val.mat" for level in ("easy", "medium", "hard")}
_SUFFIX = ".jpg"
_FIELDS, _BOX, _INVALID = 10, slice(0, 4), 7
_NOTHING = ["0"] * _FIELDS

_WITHOUT_LEVELS = (
    f"without {', '.join(_LEVELS.values())} of the official eval_tools there are no levels: all "
    "valid faces are one subset, and figures cannot be compared with published ones"
)


@dataclass(frozen=True, eq=False)
class _Labels:
    """One picture's boxes, [n, 4], and which are faces rather than invalid, [n]."""

    name: str
    boxes: BoxArray
    valid: BoolArray

    @property
    def stem(self) -> str:
        return PurePosixPath(self.name).stem


def find_wider(folder: Path) -> dict[str, Path]:
    """The files of labels and levels anywhere below the folder, by their names."""
    wanted = {*LABELS, *_LEVELS.values()}
    return {path.name: path for path in sorted(folder.rglob("wider_*")) if path.name in wanted}


def read_wider(files: Mapping[str, Path], images: Path) -> Truth:
    """The truth of the files that `find_wider` found; `images` holds the folders of the events.

    With the three files of levels, the subsets are easy, medium and hard as officially. Otherwise
    there is one subset, all, which ignores the invalid boxes. Raises InvalidDataset, or
    InvalidSettings where SciPy is needed and not installed.
    """
    labels = list(_read_labels(files))
    if all(name in files for name in _LEVELS.values()):
        return _truth(tuple(_LEVELS), labels, _read_levels(files, labels), images)
    counted = [{ALL: picture.valid & has_area(picture.boxes)} for picture in labels]
    return replace(_truth((ALL,), labels, counted, images), remarks=(_WITHOUT_LEVELS,))


def _truth(
    subsets: tuple[str, ...],
    labels: Sequence[_Labels],
    counted: Sequence[Mapping[str, BoolArray]],
    images: Path,
) -> Truth:
    labelled = (
        LabelledImage(picture.name, images / picture.name, picture.boxes, flags)
        for picture, flags in zip(labels, counted, strict=True)
    )
    return Truth(Protocol.WIDER, subsets, tuple(labelled))


def _read_labels(files: Mapping[str, Path]) -> Iterator[_Labels]:
    as_mat, as_text = LABELS
    if as_mat in files:
        return _read_mat(files[as_mat])
    return _read_text(files[as_text])


def _read_text(path: Path) -> Iterator[_Labels]:
    lines = Lines(path)
    while lines.next is not None:
        name = lines.take()
        if not name.endswith(_SUFFIX):
            raise lines.wrong(f"the name of a picture, EVENT/NAME{_SUFFIX}")
        words = "x, y, width, height, then six attributes of the face"
        faces = [lines.take_numbers(_FIELDS, words) for _ in range(lines.take_count())]
        if not faces and (lines.next or "").split() == _NOTHING:
            lines.take()  # a picture without faces has a line all the same
        table = np.array(faces, np.float64).reshape(-1, _FIELDS)
        yield _Labels(name, boxes_of_sizes(table[:, _BOX]), table[:, _INVALID] == 0)


def _read_mat(path: Path) -> Iterator[_Labels]:
    mat = load_mat(path, ("event_list", "file_list", "face_bbx_list"))
    names = _names(mat)
    boxes = [numbers(cell).reshape(-1, 4) for cell in flat(mat["face_bbx_list"])]
    # The evaluation tools' copy of the file does not tell which boxes are invalid.
    invalid = [numbers(cell) for cell in flat(mat.get("invalid_label_list", np.zeros(0)))]
    invalid = invalid or [np.zeros(len(sizes)) for sizes in boxes]
    _check_equal(path, len(names), len(boxes), len(invalid))
    for name, sizes, flags in zip(names, boxes, invalid, strict=True):
        _check_equal(path, len(sizes), len(flags))
        yield _Labels(name, boxes_of_sizes(sizes), flags == 0)


def _names(mat: Mapping[str, Any]) -> list[str]:
    """EVENT/NAME.jpg of each picture."""
    events = zip(cells(mat["event_list"]), cells(mat["file_list"]), strict=False)
    return [
        f"{text(event)}/{text(file)}{_SUFFIX}" for event, files in events for file in cells(files)
    ]


def _read_levels(
    files: Mapping[str, Path], labels: Sequence[_Labels]
) -> list[dict[str, BoolArray]]:
    """Which boxes of each picture count, by level."""
    levels = {level: _read_level(files[name], labels) for level, name in _LEVELS.items()}
    return [{level: flags[row] for level, flags in levels.items()} for row in range(len(labels))]


def _read_level(path: Path, labels: Sequence[_Labels]) -> list[BoolArray]:
    """Which boxes of each picture count; the file numbers them from 1, as MATLAB does."""
    mat = load_mat(path, ("file_list", "gt_list"))
    stems, indices = [text(cell) for cell in flat(mat["file_list"])], flat(mat["gt_list"])
    _check_equal(path, len(stems), len(indices))
    by_stem = dict(zip(stems, map(numbers, indices), strict=True))
    if len(by_stem) < len(stems) or by_stem.keys() != {picture.stem for picture in labels}:
        raise InvalidDataset(
            f"{path} has {len(by_stem)} pictures and the labels {len(labels)}, or others; take "
            "both from one publication of WIDER FACE"
        )
    return [_flags(path, picture, by_stem[picture.stem]) for picture in labels]


def _flags(path: Path, picture: _Labels, numbered: FloatArray) -> BoolArray:
    count = len(picture.boxes)
    if len(numbered) and not (numbered.min() >= 1 and numbered.max() <= count):
        raise InvalidDataset(
            f"{path} names boxes {numbered.min():g} to {numbered.max():g} of {picture.name}, which "
            f"has {count}, counted from 1; take labels and levels from one publication"
        )
    return np.isin(np.arange(1, count + 1), numbered)


def _check_equal(path: Path, *counts: int) -> None:
    if len(set(counts)) > 1:
        raise InvalidDataset(
            f"{path} has lists of {' and '.join(map(str, counts))} entries that belong together; "
            "fetch it again"
        )
