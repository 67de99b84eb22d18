"""Exports of faces to other libraries."""

from __future__ import annotations

import json
import sys

import pytest

from facedetect import Box, Detection, Face, ImageResult, to_dataframe, to_supervision
from facedetect.errors import InvalidImage, InvalidSettings
from facedetect.model_ref import ModelRef
from tests.conftest import face_at


def test_boxes_have_the_two_usual_orders() -> None:
    box = Box(10, 5, 30, 45)
    assert box.xyxy == (10, 5, 30, 45)
    assert box.xywh == (10, 5, 20, 40)


def test_a_face_is_a_dict_that_can_become_json(a_face: Face) -> None:
    row = json.loads(json.dumps(a_face.to_dict()))
    assert row["box"] == {"x_min": 10, "y_min": 5, "x_max": 30, "y_max": 25}
    assert row["landmarks"]["left_eye"] == {"x": 16, "y": 13}
    assert row["confidence"] == 0.9


def test_a_table_has_a_row_for_each_face(a_face: Face) -> None:
    table = to_dataframe([a_face, face_at(0, 0, side=8, confidence=0.7)])
    assert list(table["confidence"]) == [0.9, 0.7]
    assert list(table.iloc[0][["x_min", "y_min", "x_max", "y_max"]]) == list(a_face.box.xyxy)
    assert table["mouth_right_y"][0] == 21
    empty = to_dataframe([])
    assert len(empty) == 0
    assert list(empty.columns) == list(table.columns)


def test_a_table_of_a_batch_names_each_image_and_what_was_wrong(a_face: Face) -> None:
    def found(*faces: Face) -> Detection:
        return Detection(60, 40, list(faces), ModelRef("m", 1))

    results = [
        ImageResult("a.jpg", found(a_face, a_face), None),
        ImageResult("b.jpg", found(), None),
        ImageResult("c.jpg", None, InvalidImage("broken")),
    ]
    table = to_dataframe(results)
    assert list(table["image"]) == ["a.jpg", "a.jpg", "b.jpg", "c.jpg"]
    assert table["error"].isna().tolist() == [True, True, True, False]
    assert table["confidence"].isna().tolist() == [False, False, True, True]


def test_what_is_not_installed_is_told(a_face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, export in (("pandas", to_dataframe), ("supervision", to_supervision)):
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(InvalidSettings, match=f"pip install {name}"):
            export([a_face])
