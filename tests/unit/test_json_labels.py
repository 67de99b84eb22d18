"""JSON labels, and the errors for invalid ones."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facedetect.errors import InvalidDataset
from facedetect.evaluation.dataset import Metric
from facedetect.evaluation.datasets.open_dataset import DatasetKind, open_dataset
from tests.unit.evaluation_data import make_image, masks_of

POINTS = [[20, 30], [40, 30], [30, 40], [22, 50], [38, 50]]


Write = Callable[[Any], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a JSON file beside a.jpg and b.jpg; a string becomes a JSON lines file."""
    for name in ("a.jpg", "b.jpg"):
        make_image(tmp_path / name)

    def to_file(content: Any) -> Path:
        path = tmp_path / ("labels.jsonl" if isinstance(content, str) else "labels.json")
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return to_file


FACE = [1, 2, 11, 22]


def test_rows(write: Write, tmp_path: Path) -> None:
    rows = [{"image": "a.jpg", "boxes": [FACE], "pose": 4}, {"image": "b.jpg", "all_boxes": []}]
    dataset = open_dataset(write(rows))
    assert (dataset.metric, dataset.subsets) == (Metric.AVERAGE_PRECISION, ("all",))
    assert dataset.images[0].path == tmp_path / "a.jpg"
    assert dataset.images[0].boxes.tolist() == [FACE]
    assert dataset.images[1].boxes.shape == (0, 4)
    assert masks_of(dataset, "all") == [[True], []]


def test_rows_as_lines_with_images_elsewhere(write: Write, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").rename(tmp_path / "b.jpg")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "b.jpg").rename(tmp_path / "elsewhere" / "a.jpg")
    path = write('\n{"image": "a.jpg", "boxes": [[1, 2, 11, 22]]}\n\n')
    assert open_dataset(path, images=tmp_path / "elsewhere").images[0].boxes.tolist() == [FACE]


def test_byte_order_marks_and_unusual_line_separators(write: Write, tmp_path: Path) -> None:
    make_image(tmp_path / "a\u2028b.jpg")
    path = write("")
    path.write_text(f'\ufeff{{"image": "a\u2028b.jpg", "boxes": [{FACE}]}}\r\n', "utf-8")
    assert [image.name for image in open_dataset(path).images] == ["a\u2028b.jpg"]


def test_rows_with_subsets(write: Write) -> None:
    row = {"image": "a.jpg", "boxes": [FACE, [3, 3, 3, 3]], "hard": [0], "subsets": {"lit": [0]}}
    dataset = open_dataset(
        write([row, {"image": "b.jpg", "boxes": [FACE], "hard": [], "subsets": {"lit": [0]}}])
    )
    assert dataset.subsets == ("hard", "lit")
    assert masks_of(dataset, "hard") == [[True, False], [False]]
    assert masks_of(dataset, "lit") == [[True, False], [True]]


@pytest.mark.parametrize("faces", [POINTS, [POINTS]])
def test_rows_of_landmarks(write: Write, faces: list[Any]) -> None:
    dataset = open_dataset(write([{"image": "a.jpg", "landmarks": faces}]), one_based=True)
    assert dataset.metric is Metric.LANDMARK_ERROR
    landmarks = dataset.images[0].landmarks
    assert landmarks is not None
    assert landmarks.tolist() == [[[x - 1, y - 1] for x, y in POINTS]]


def test_landmarks_beside_boxes(write: Write) -> None:
    row = {"image": "a.jpg", "boxes": [FACE, FACE], "landmarks": [None, POINTS]}
    image = open_dataset(write([row]), one_based=True).images[0]
    assert image.boxes[0].tolist() == [0, 1, 10, 21]
    assert image.landmarks is not None
    assert np.isnan(image.landmarks[0]).all()
    assert image.landmarks[1, 0].tolist() == [19, 29]


A_FACE = {"image": "a.jpg", "boxes": [FACE]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1, 2", r"labels\.jsonl, line 1 is not JSON"),
        ('{"image": "a.jpg", "boxes": []}\n{"image": 3}', r"line 2: image is 3: .* valid string"),
        ("[" * 100_000, "line 1 is not JSON: .*recursion"),
        ([A_FACE, {"boxes": []}], r"row 2: image is .*: Field required"),
        ([{"image": "a.jpg", "boxes": [[1, 2, 3]]}], r"row 1: boxes\.0\.3 is .*Field required"),
        (
            [{"image": "a.jpg", "boxes": [[1, 2, 3, math.inf]]}],
            r"boxes\.0\.3 is Infinity: .*finite",
        ),
        ([{"image": "a.jpg", "boxes": [[1, 2, 3, 1e300]]}], "less than or equal to 1000000"),
        ([{"image": "a.jpg", "boxes": [[30, 20, 5, 9]]}], r"box 0, .* \(rows give x_min"),
        ([{"image": "a.jpg", "boxes": [FACE, [1, 2, 3, 2]]}], r"\(a\.jpg\): box 1, .* no area"),
        ([{"image": "a.jpg", "boxes": [[1, 2, 0, 4]], "easy": []}], r"box 0, .* has no area"),
        ([{"image": "a.jpg"}], "has no boxes; give every row `boxes`"),
        ([A_FACE, {"image": "b.jpg", "landmarks": POINTS}], r"row 2 \(b\.jpg\) has no boxes"),
        ([{**A_FACE, "easy": [1]}], "easy has index 1, but there are 1 boxes; indices start at 0"),
        ([{**A_FACE, "easy": [-1]}], r"easy\.0 is -1: .* greater than or equal to 0"),
        (
            [{**A_FACE, "easy": [0]}, {**A_FACE, "image": "b.jpg"}],
            "has the subsets none, but .* easy",
        ),
        ([{**A_FACE, "easy": []}], "no face in the subset easy"),
        ([{**A_FACE, "landmarks": []}], "has 1 boxes and landmarks of 0 faces"),
        ([{"image": "a.jpg", "landmarks": POINTS[:4]}], "face 0 has 4 landmarks; give 5: left"),
        ([{"image": "a.jpg", "landmarks": [POINTS[0], *POINTS[:4]]}], r"both eyes at \(20, 30\)"),
        ([A_FACE, A_FACE], r"lists a\.jpg twice"),
        ([{"image": "c.jpg", "boxes": [FACE]}], r"lists c\.jpg, but .* does not exist"),
        ([{"image": "c" * 5000, "boxes": [FACE]}], "does not exist"),
        ([{"image": "a.jpg", "landmarks": [None]}], "no face in the subset all"),
        ([], "no face in the subset all"),
    ],
)
def test_invalid_rows(write: Write, content: Any, message: str) -> None:
    with pytest.raises(InvalidDataset, match=message):
        open_dataset(write(content))


COCO: dict[str, Any] = {
    "images": [{"id": 7, "file_name": "a.jpg", "width": 40}, {"id": "b", "file_name": "b.jpg"}],
    "annotations": [
        {"image_id": 7, "bbox": [1, 2, 10, 20], "category_id": 1},
        {"image_id": 7, "bbox": [5, 5, 0, 9], "iscrowd": 1},
    ],
    "categories": [],
}


def with_keypoints(*visible: int, count: int = 5) -> dict[str, Any]:
    points = [(*point, seen) for point, seen in zip(POINTS, visible, strict=True)][:count]
    face = {"image_id": "b", "bbox": [1, 2, 10, 20], "keypoints": list(chain(*points))}
    return {**COCO, "annotations": [face]}


def test_coco(write: Write) -> None:
    dataset = open_dataset(write(COCO))
    assert (dataset.metric, dataset.subsets) == (Metric.AVERAGE_PRECISION, ("all",))
    assert dataset.images[0].boxes.tolist() == [FACE, [5, 5, 5, 14]]
    assert masks_of(dataset, "all") == [[True, False], []]
    assert dataset.images[0].landmarks is None


def test_coco_keypoints(write: Write) -> None:
    image = open_dataset(write(with_keypoints(2, 2, 2, 1, 2)), one_based=True).images[1]
    assert image.boxes.tolist() == [[0, 1, 10, 21]]
    assert image.landmarks is not None
    assert image.landmarks[0, 1].tolist() == [39, 29]
    assert open_dataset(write(with_keypoints(2, 2, 0, 1, 2))).images[1].landmarks is None
    assert open_dataset(write(with_keypoints(2, 2, 2, 1, 2, count=4))).images[1].landmarks is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": None}, "images is null: .* valid list"),
        ({"images": COCO["images"] * 2}, "two images with the same id"),
        (
            {"annotations": [{"image_id": 8, "bbox": [1, 2, 3, 4]}]},
            r"annotations\.0 refers to image 8",
        ),
        (
            {"annotations": [{"image_id": 7, "bbox": [1, 2, 0, 4]}]},
            r"\(a\.jpg\): box 0, .* no area",
        ),
        ({"annotations": [{"image_id": 7, "bbox": "wide"}]}, r'annotations\.0\.bbox is "wide"'),
    ],
)
def test_invalid_coco(write: Write, change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidDataset, match=message):
        open_dataset(write(COCO | change))


def test_files_and_folders_of_no_known_format(write: Write, tmp_path: Path) -> None:
    path = write([])
    for given, kind, message in (
        (tmp_path / "missing.json", None, "missing.json cannot be read: No such file"),
        (tmp_path, None, "contains neither wider_face_val.mat nor .*; give the WIDER FACE folder"),
        (tmp_path, DatasetKind.COCO, "is a folder; give the JSON file"),
        (path, DatasetKind.WIDER, "is not a folder; give the WIDER FACE folder"),
        (path, DatasetKind.COCO, r"labels\.json: the value is \[\]"),
    ):
        with pytest.raises(InvalidDataset, match=message):
            open_dataset(given, kind=kind)
    with pytest.raises(InvalidDataset, match="is not a list of rows"):
        open_dataset(write(COCO), kind=DatasetKind.ROWS)
    path.write_text(f"{json.dumps(A_FACE)}\n" * 2)
    with pytest.raises(InvalidDataset, match=r"not JSON: Extra data.* name a file .* \*\.jsonl"):
        open_dataset(path)
    path.write_bytes(b"\xff")
    with pytest.raises(InvalidDataset, match="not UTF-8 text"):
        open_dataset(path)


def test_fingerprint_changes_with_names_and_labels(write: Write) -> None:
    row = {"image": "a.jpg", "boxes": [FACE, FACE], "easy": [0], "landmarks": [None, POINTS]}
    moved = [POINTS[0], [41, 30], *POINTS[2:]]
    changes: list[dict[str, Any]] = [
        {},
        {"image": "b.jpg"},
        {"boxes": [FACE, [1, 2, 12, 22]]},
        {"easy": [1]},
        {"landmarks": [None, moved]},
    ]
    datasets = [open_dataset(write([row | change])) for change in changes]
    fingerprints = {dataset.fingerprint() for dataset in datasets}
    fingerprints |= {replace(datasets[0], metric=Metric.LANDMARK_ERROR).fingerprint()}
    assert len(fingerprints) == len(changes) + 1
    assert open_dataset(write([row])).fingerprint() == datasets[0].fingerprint()
    line = json.dumps(row)
    assert open_dataset(write(line)).fingerprint() == datasets[0].fingerprint()
