"""Which folders are versions of a model."""

from __future__ import annotations

from pathlib import Path

import pytest

from facedetect.errors import ModelNotFound
from facedetect.model.graph_files import model_versions, numbered_folders, version_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Versions 9 and 10, and what is none."""
    for name in ("10", "9", "11", "latest", "\u0663", "-1", "1.5"):
        (tmp_path / name).mkdir()
    (tmp_path / "12").touch()
    for name in ("9", "10", "latest"):
        (tmp_path / name / "saved_model.pb").touch()
    return tmp_path


def test_versions_are_folders_named_by_a_number_that_hold_a_model(folder: Path) -> None:
    assert list(numbered_folders(folder)) == [9, 10, 11]
    assert model_versions(folder) == {9: folder / "9", 10: folder / "10"}
    assert model_versions(folder / "missing") == {}
    with pytest.raises(FileNotFoundError):
        numbered_folders(folder / "missing")


def test_the_highest_version_is_the_default(folder: Path) -> None:
    assert version_folder(folder) == folder / "10"
    assert version_folder(folder, 9) == folder / "9"
    assert version_folder(folder / "9") == folder / "9"
    with pytest.raises(ModelNotFound, match="has no version 11; it has 9, 10"):
        version_folder(folder, 11)
    with pytest.raises(ModelNotFound, match="is a single version"):
        version_folder(folder / "9", 9)
    with pytest.raises(ModelNotFound, match="contains no SavedModel"):
        version_folder(folder / "11")
