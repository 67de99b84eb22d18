"""The WIDER FACE folder as published, and the errors for invalid ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from facedetect.errors import InvalidDataset, InvalidSettings
from facedetect.evaluation.dataset import Metric
from facedetect.evaluation.datasets.open_dataset import DatasetKind, open_dataset
from tests.conftest import optional_folder
from tests.unit.evaluation_data import cell, make_image, masks_of

Indices = dict[str, dict[str, list[int]]]


def stored(numbers: Any, *shape: int) -> Any:
    """Numbers as MATLAB stores them and SciPy returns them: in the smallest type that fits."""
    array = np.array(numbers, np.int64).reshape(shape)
    return array.astype(np.min_scalar_type(array.max(initial=0)))


def column(numbers: list[int]) -> Any:
    return stored(numbers, -1, 1)


def save_labels(path: Path, events: dict[str, dict[str, list[list[int]]]], **more: Any) -> None:
    """wider_face_val.mat: events and images, x y width height of each face."""
    path.parent.mkdir(parents=True, exist_ok=True)
    boxes = [[stored(faces, -1, 4) for faces in event.values()] for event in events.values()]
    content = {
        "event_list": cell(list(events)),
        "file_list": cell([cell(list(event)) for event in events.values()]),
        "face_bbx_list": cell([cell(event) for event in boxes]),
    }
    savemat(path, content | more)


def save_level(path: Path, events: Indices) -> None:
    """wider_easy_val.mat and the like: indices of the faces of the level, from 1."""
    path.parent.mkdir(parents=True, exist_ok=True)
    indices = [cell([column(faces) for faces in event.values()]) for event in events.values()]
    files = cell([cell(list(event)) for event in events.values()])
    savemat(path, {"file_list": files, "gt_list": cell(indices)})


LABELS = {
    "0--Parade": {"0_Parade_1": [[200, 100, 100, 50], [1, 2, 3, 4]], "0_Parade_2": [[0, 0, 0, 0]]},
    "9--Press": {"9_Press_7": [[5, 6, 7, 8], [10, 10, 0, 9]]},
}
NAMES = ["0--Parade/0_Parade_1.jpg", "0--Parade/0_Parade_2.jpg", "9--Press/9_Press_7.jpg"]


@pytest.fixture
def wider(tmp_path: Path) -> Path:
    """The official folder with labels and levels."""
    for name in NAMES:
        make_image(tmp_path / "WIDER_val" / "images" / name)
    invalid = [cell([column([0, 1]), column([0])]), cell([column([0, 0])])]
    split = tmp_path / "wider_face_split" / "wider_face_val.mat"
    save_labels(split, LABELS, invalid_label_list=cell(invalid))
    levels = tmp_path / "eval_tools" / "ground_truth"
    easy: Indices
    easy = {"0--Parade": {"0_Parade_1": [1], "0_Parade_2": []}, "9--Press": {"9_Press_7": []}}
    save_level(levels / "wider_easy_val.mat", easy)
    save_level(levels / "wider_medium_val.mat", easy)
    save_level(levels / "wider_hard_val.mat", {**easy, "9--Press": {"9_Press_7": [2, 1]}})
    return tmp_path


def test_official_wider_folder(wider: Path) -> None:
    dataset = open_dataset(wider)
    assert dataset.metric is Metric.AVERAGE_PRECISION
    assert dataset.subsets == ("easy", "medium", "hard")
    assert dataset.remarks == ()
    assert [image.name for image in dataset.images] == NAMES
    assert dataset.images[0].path == wider / "WIDER_val" / "images" / NAMES[0]
    assert dataset.images[0].boxes.tolist() == [[200, 100, 300, 150], [1, 2, 4, 6]]
    assert masks_of(dataset, "easy") == [[True, False], [False], [False, False]]
    assert masks_of(dataset, "hard") == [[True, False], [False], [True, True]]


def drop_levels(wider: Path) -> None:
    (wider / "eval_tools" / "ground_truth" / "wider_medium_val.mat").unlink()


def test_without_levels_invalid_faces_are_ignored(wider: Path) -> None:
    drop_levels(wider)
    dataset = open_dataset(wider, kind=DatasetKind.WIDER)
    assert dataset.subsets == ("all",)
    assert "wider_medium_val.mat" in dataset.remarks[0]
    # One box has no area.
    assert masks_of(dataset, "all") == [[True, False], [False], [True, False]]


TEXT = """0--Parade/0_Parade_1.jpg
2
200 100 100 50 0 0 0 0 0 0 
1 2 3 4 2 0 0 1 2 0 
0--Parade/0_Parade_2.jpg
0
0 0 0 0 0 0 0 0 0 0 
9--Press/9_Press_7.jpg
2
5 6 7 8 0 0 0 0 0 0
10 10 0 9 0 0 0 0 0 0
"""  # noqa: W291 - its lines end in a space


def use_text(wider: Path, text: str = TEXT) -> None:
    (wider / "wider_face_split" / "wider_face_val.mat").unlink()
    (wider / "wider_face_split" / "wider_face_val_bbx_gt.txt").write_text(text)


def test_labels_as_text(wider: Path) -> None:
    drop_levels(wider)
    from_mat = open_dataset(wider)
    use_text(wider)
    from_text = open_dataset(wider)
    assert [image.boxes.tolist() for image in from_text.images] == [
        from_mat.images[0].boxes.tolist(),
        [],  # its line of zeros is not a face
        from_mat.images[2].boxes.tolist(),
    ]
    assert masks_of(from_text, "all") == [[True, False], [], [True, False]]


def test_the_line_of_zeros_may_be_missing(wider: Path) -> None:
    drop_levels(wider)
    use_text(wider, TEXT.replace("\n0\n0 0 0 0 0 0 0 0 0 0 \n", "\n0\n"))
    assert masks_of(open_dataset(wider), "all") == [[True, False], [], [True, False]]


def test_labels_as_text_with_levels(wider: Path) -> None:
    use_text(wider)
    assert masks_of(open_dataset(wider), "hard") == [[True, False], [], [True, True]]


def test_images_elsewhere(wider: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (wider / "WIDER_val" / "images").rename(elsewhere)
    assert open_dataset(wider, images=elsewhere).images[0].path == elsewhere / NAMES[0]
    with pytest.raises(InvalidDataset, match=r"0_Parade_1\.jpg does not exist; .*--images"):
        open_dataset(wider)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TEXT.replace("0--Parade/0_Parade_2.jpg\n", ""), r"line 5 is '0'; expected the name"),
        (TEXT.replace("\n2\n", "\ntwo\n", 1), r"line 2 is 'two'; expected the number of faces"),
        (
            TEXT.replace("1 2 3 4 2", "1 2 3 4"),
            r"line 4 is '1 2 .*'; expected 10 numbers: x, y",
        ),
        (
            TEXT.replace("1 2 3 4", "1 2 3 nan"),
            r"line 4 is '1 2 .*'; expected 10 numbers: x, y",
        ),
        (TEXT.rpartition("10 10")[0], r"ends within the faces of an image"),
        (TEXT.replace("Parade_2", "Parade_1"), r"lists 0--Parade/0_Parade_1\.jpg twice"),
    ],
)
def test_invalid_text(wider: Path, text: str, message: str) -> None:
    drop_levels(wider)
    use_text(wider, text)
    with pytest.raises(InvalidDataset, match=message):
        open_dataset(wider)


def test_levels_that_do_not_fit_the_labels(wider: Path) -> None:
    levels = wider / "eval_tools" / "ground_truth"
    save_level(levels / "wider_easy_val.mat", {"0--Parade": {"0_Parade_1": [1]}})
    with pytest.raises(
        InvalidDataset, match=r"wider_easy_val\.mat lists 1 images and the labels 3"
    ):
        open_dataset(wider)
    too_many: Indices
    too_many = {"0--Parade": {"0_Parade_1": [3], "0_Parade_2": []}, "9--Press": {"9_Press_7": []}}
    save_level(levels / "wider_easy_val.mat", too_many)
    with pytest.raises(
        InvalidDataset, match=r"from 3 to 3 for 0--Parade/0_Parade_1\.jpg, .* 2 boxes"
    ):
        open_dataset(wider)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no such file", "cannot be read as a MATLAB file"),
        (b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(100), "version 7.3"),
    ],
)
def test_unreadable_matlab_file(wider: Path, content: bytes, message: str) -> None:
    (wider / "wider_face_split" / "wider_face_val.mat").write_bytes(content)
    with pytest.raises(InvalidDataset, match=message):
        open_dataset(wider)


def test_matlab_files_with_missing_or_unequal_lists(wider: Path) -> None:
    path = wider / "wider_face_split" / "wider_face_val.mat"
    savemat(path, {"event_list": cell(["a"]), "file_list": cell([cell(["b"])])})
    with pytest.raises(InvalidDataset, match="has no face_bbx_list"):
        open_dataset(wider)
    save_labels(path, LABELS, face_bbx_list=cell([cell([np.zeros((1, 4))])]))
    with pytest.raises(InvalidDataset, match="must be equally long"):
        open_dataset(wider)
    marks = [cell([column([0]), column([0])]), cell([column([0, 0])])]  # one of two boxes
    save_labels(path, LABELS, invalid_label_list=cell(marks))
    with pytest.raises(InvalidDataset, match="must be equally long"):
        open_dataset(wider)


def test_one_based_is_not_for_wider_face(wider: Path) -> None:
    with pytest.raises(InvalidSettings, match="remove --one-based"):
        open_dataset(wider, one_based=True)


def test_real_labels_are_the_same_in_the_official_format(tmp_path: Path) -> None:
    """Rows of real labels, written in WIDER FACE's format and read back."""
    path = optional_folder("eval", "FACEDETECT_EVAL_DIR") / "wider-dev" / "gt.json"
    rows = json.loads(path.read_text("utf-8"))
    events: dict[str, dict[str, Any]] = {}
    for row in rows:
        path_in_set = Path(row["image"])
        events.setdefault(path_in_set.parent.name, {})[path_in_set.stem] = row
    sizes = {
        event: {
            name: [[x, y, right - x, bottom - y] for x, y, right, bottom in row["all_boxes"]]
            for name, row in files.items()
        }
        for event, files in events.items()
    }
    save_labels(tmp_path / "wider_face_val.mat", sizes)
    for level in ("easy", "medium", "hard"):
        numbered = {
            event: {name: [index + 1 for index in row[level]] for name, row in files.items()}
            for event, files in events.items()
        }
        save_level(tmp_path / f"wider_{level}_val.mat", numbered)
    official = open_dataset(tmp_path, images=path.parent / "images")
    images = {f"images/{image.name}": image for image in official.images}
    of_rows = open_dataset(path)
    assert len(images) == len(of_rows.images) == len(rows)
    for image in of_rows.images:
        other = images[image.name]
        assert other.path == image.path
        assert (other.boxes == image.boxes).all()
        assert all((other.subset_masks[s] == image.subset_masks[s]).all() for s in of_rows.subsets)
