"""FDDB as it is published: lists of ellipses by fold, and the pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from facedetect.errors import ImageError, InvalidDataset
from facedetect.evaluation.datasets.lines import Lines
from facedetect.evaluation.truth import (
    ALL,
    BoxArray,
    FloatArray,
    LabelledImage,
    Protocol,
    Truth,
)
from facedetect.images import ImageLimits, SourceImage, read_image_file

IMAGES = Path("originalPics")

_ELLIPSE = "major and minor radius, angle, centre x and y, 1"
_FIELDS = 6
_SUFFIX = ".jpg"


def find_fddb(folder: Path) -> list[Path]:
    """The lists of ellipses anywhere below the folder, fold by fold."""
    lists = {path.name: path for path in sorted(folder.rglob("FDDB-fold-*-ellipseList.txt"))}
    return [lists[name] for name in sorted(lists)]


def read_fddb(lists: Sequence[Path], images: Path) -> Truth:
    """The truth of the lists that `find_fddb` found; `images` is the folder of the pictures.

    Raises InvalidDataset for a line that cannot be right, or a picture that is not there.
    """
    labelled = tuple(image for path in lists for image in _read_fold(path, images))
    return Truth(Protocol.FDDB, (ALL,), labelled)


def _read_fold(path: Path, images: Path) -> Iterator[LabelledImage]:
    lines = Lines(path)
    while lines.next is not None:
        name = f"{lines.take()}{_SUFFIX}"
        rows = [_take_ellipse(lines) for _ in range(lines.take_count())]
        ellipses = np.array(rows, np.float64).reshape(-1, _FIELDS)[:, :5]
        yield LabelledImage(
            name=name,
            path=images / name,
            boxes=bounding_boxes(ellipses),
            counted={ALL: np.ones(len(ellipses), bool)},
            ellipses=ellipses,
            size=_size(images / name),
        )


def _take_ellipse(lines: Lines) -> list[float]:
    ellipse = lines.take_numbers(_FIELDS, _ELLIPSE)
    if min(ellipse[:2]) < 1:
        raise lines.wrong(f"an ellipse with radii of at least 1 px: {_ELLIPSE}")
    return ellipse


def bounding_boxes(ellipses: FloatArray) -> BoxArray:
    """The upright boxes around ellipses [n, 5]: [n, 4], px."""
    major, minor, angle, x, y = ellipses.T
    half_width = np.hypot(major * np.cos(angle), minor * np.sin(angle))
    half_height = np.hypot(major * np.sin(angle), minor * np.cos(angle))
    return np.column_stack([x - half_width, y - half_height, x + half_width, y + half_height])


def _size(path: Path) -> tuple[int, int]:
    limits = ImageLimits()
    try:
        with SourceImage.open(read_image_file(path, limits), limits) as source:
            header = source.header
    except ImageError as error:
        raise InvalidDataset(
            f"the size of {path} is needed: {error}; is it in the folder given with --images?"
        ) from error
    return header.width, header.height
