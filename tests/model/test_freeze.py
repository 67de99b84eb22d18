from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from facedetect.errors import InvalidModel, InvalidSettings, OutputExists
from facedetect.model.freeze import freeze
from facedetect.model.graph_files import read_frozen_graph
from facedetect.mtcnn.geometry import ACCURATE, GEOMETRIES, named_geometry

# What an unmodified TensorFlow Serving has: nothing of our own, no Python behind it.
FOREIGN_OPS = {"PyFunc", "EagerPyFunc", "PyFuncStateless"}


def test_freezing_twice_gives_the_same_bytes(frozen: Path, tmp_path: Path) -> None:
    freeze(tmp_path / "again.pb")
    assert (tmp_path / "again.pb").read_bytes() == frozen.read_bytes()


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_the_graph_is_frozen_and_of_stock_ops(geometry: str, tmp_path: Path) -> None:
    averages = geometry != "reference"
    freeze(tmp_path / "mtcnn.pb", geometry=named_geometry(geometry, averages_landmarks=averages))
    graph_def = read_frozen_graph(tmp_path / "mtcnn.pb")
    ops = {node.op for node in graph_def.node}
    assert not ops & FOREIGN_OPS
    assert not any("Variable" in op or op == "VarHandleOp" for op in ops)
    assert not graph_def.library.function
    names = {node.name for node in graph_def.node}
    expected = {"input", "min_size", "thresholds", "factor", "prob", "landmarks", "box"}
    assert expected <= names


def test_an_existing_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "mtcnn.pb"
    path.write_text("mine")
    with pytest.raises(OutputExists, match="remove it or choose another name"):
        freeze(path)
    assert path.read_text() == "mine"


def test_bad_weights_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(InvalidModel):
        freeze(tmp_path / "mtcnn.pb", weights=tmp_path / "missing.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_geometry_goes_by_its_name() -> None:
    assert named_geometry("accurate") == ACCURATE
    averaged = named_geometry("accurate", averages_landmarks=True)
    assert averaged == replace(ACCURATE, averages_landmarks=True)
    with pytest.raises(InvalidSettings, match=r"no geometry 'author'; choose one of accurate, ref"):
        named_geometry("author")
    with pytest.raises(InvalidSettings, match="does not average landmarks; use accurate"):
        named_geometry("reference", averages_landmarks=True)
