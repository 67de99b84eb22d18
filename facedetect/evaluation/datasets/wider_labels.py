"""Read the WIDER FACE validation set as published: images, labels and difficulty levels."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np

from facedetect.arrays import Float64Array
from facedetect.errors import InvalidDataset
from facedetect.evaluation.dataset import (
    ALL,
    BoolArray,
    Dataset,
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
"""The files with the boxes: either suffices, the first is preferred."""

IMAGES = Path("WIDER_val") / "images"

_LEVELS = {level: f"wider_{level}_val.mat" for level in ("easy", "medium", "hard")}
_SUFFIX = ".jpg"
_FACE_FIELDS, _BOX_AND_INVALID = 10, [0, 1, 2, 3, 7]
_NO_FACE = ["0"] * _FACE_FIELDS

_NAME = re.compile(r".+\.jpg"), "the name of an image, EVENT/NAME.jpg"
_COUNT = re.compile(r"\d+"), "the number of faces in the image"
_FACE = (
    re.compile(r"(-?\d{1,6}(\.\d+)?(\s+|$)){10}"),
    "10 numbers: x, y, width, height, six attributes",
)

_WITHOUT_LEVELS = (
    f"{', '.join(_LEVELS.values())} of the official eval_tools not found: all valid faces form one "
    "subset, whose results cannot be compared with published ones"
)


def find_wider(folder: Path) -> dict[str, Path]:
    """Return the label and level files in the folder and its subfolders, by name."""
    wanted = {*LABELS, *_LEVELS.values()}
    return {path.name: path for path in sorted(folder.rglob("wider_*")) if path.name in wanted}


def read_wider(files: Mapping[str, Path], images: Path) -> Dataset:
    """Read the files that `find_wider` found; `images` has a folder for each event.

    With the three level files, the subsets are the official ones: easy, medium and hard. Otherwise
    the only subset is all, in which invalid boxes and boxes without area are ignored. Raises
    InvalidDataset, and InvalidSettings if SciPy is needed but not installed.
    """
    mat, text = LABELS
    read = _read_mat(files[mat], images) if mat in files else _read_text(files[text], images)
    labelled = tuple(read)
    if not all(name in files for name in _LEVELS.values()):
        return Dataset(Metric.AVERAGE_PRECISION, (ALL,), labelled, remarks=(_WITHOUT_LEVELS,))
    masks = [_read_level(files[name], labelled) for name in _LEVELS.values()]
    levelled = (
        replace(image, subset_masks=dict(zip(_LEVELS, of_image, strict=True)))
        for image, *of_image in zip(labelled, *masks, strict=True)
    )
    return Dataset(Metric.AVERAGE_PRECISION, tuple(_LEVELS), tuple(levelled))


def _labelled(images: Path, name: str, faces: Float64Array) -> LabelledImage:
    """Return an image with its faces [n, 5]: x, y, width, height, and whether it is invalid."""
    boxes = np.hstack([faces[:, :2], faces[:, :2] + faces[:, 2:4]])
    has_area = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    return LabelledImage(name, images / name, boxes, {ALL: has_area & (faces[:, 4] == 0)})


def _read_text(path: Path, images: Path) -> Iterator[LabelledImage]:
    """Read blocks of lines: an image's name, its number of faces, a line for each face."""
    lines = enumerate(read_text(path).rstrip().split("\n"), start=1)

    def expect(line: tuple[int, str] | None, form: tuple[re.Pattern[str], str]) -> str:
        if line is None:
            raise InvalidDataset(f"{path} ends within the faces of an image; download it again")
        (number, text), (pattern, meaning) = line, form
        if not pattern.fullmatch(text.strip()):
            raise InvalidDataset(f"{path}, line {number} is {text.strip()!r}; expected {meaning}")
        return text.strip()

    for line in lines:
        if line[1].split() == _NO_FACE:  # the line after an image without faces
            continue
        name, count = expect(line, _NAME), int(expect(next(lines, None), _COUNT))
        faces = [expect(next(lines, None), _FACE).split() for _ in range(count)]
        table = np.array(faces, np.float64).reshape(-1, _FACE_FIELDS)
        yield _labelled(images, name, table[:, _BOX_AND_INVALID])


def _read_mat(path: Path, images: Path) -> Iterator[LabelledImage]:
    variables = load_mat(path, ("event_list", "file_list", "face_bbx_list"))
    with _lengths_checked(path):
        names = [
            f"{cell_text(event)}/{cell_text(file)}{_SUFFIX}"
            for event, files in zip(
                cells(variables["event_list"]), cells(variables["file_list"]), strict=True
            )
            for file in cells(files)
        ]
        boxes = [
            cell_numbers(cell).reshape(-1, 4) for cell in nested_cells(variables["face_bbx_list"])
        ]
        # The copy in eval_tools does not mark invalid boxes.
        marks = nested_cells(variables.get("invalid_label_list", np.zeros(0)))
        invalid = [cell_numbers(cell) for cell in marks] or [np.zeros(len(b)) for b in boxes]
        for name, xywh, flags in zip(names, boxes, invalid, strict=True):
            yield _labelled(images, name, np.column_stack([xywh, flags]))


def _read_level(path: Path, labelled: Sequence[LabelledImage]) -> list[BoolArray]:
    """Return each image's mask at one level."""
    variables = load_mat(path, ("file_list", "gt_list"))
    stems = [cell_text(cell) for cell in nested_cells(variables["file_list"])]
    wanted = [PurePosixPath(image.name).stem for image in labelled]
    if sorted(stems) != sorted(wanted):
        raise InvalidDataset(
            f"{path} lists {len(stems)} images and the labels {len(labelled)}, or different ones; "
            "use labels and levels of the same WIDER FACE release"
        )
    with _lengths_checked(path):
        by_stem = dict(zip(stems, nested_cells(variables["gt_list"]), strict=True))
    indices = (cell_numbers(by_stem[stem]) for stem in wanted)
    return [_mask(path, *of_image) for of_image in zip(labelled, indices, strict=True)]


def _mask(path: Path, image: LabelledImage, indices: Float64Array) -> BoolArray:
    """Return the mask for box indices that start at 1, as in MATLAB."""
    count = len(image.boxes)
    if len(indices) and not (indices.min() >= 1 and indices.max() <= count):
        raise InvalidDataset(
            f"{path} has box indices from {indices.min():g} to {indices.max():g} for {image.name}, "
            f"which has {count} boxes; use labels and levels of the same WIDER FACE release"
        )
    return np.isin(np.arange(1, count + 1), indices)


@contextmanager
def _lengths_checked(path: Path) -> Iterator[None]:
    """Raise InvalidDataset for lists in the file that do not belong together."""
    try:
        yield
    except ValueError as error:
        raise InvalidDataset(
            f"{path} has lists that must be equally long and are not ({error}); download it again"
        ) from error
