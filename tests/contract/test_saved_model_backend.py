"""Behaviour specific to an in-process SavedModel."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from facedetect import DetectionParams
from facedetect.backends import InferenceRequest, open_backend
from facedetect.backends.saved_model_backend import saved_model_backend
from facedetect.errors import (
    BackendTimeout,
    BackendUnavailable,
    ModelNotFound,
)
from facedetect.images import BGRImage
from facedetect.model import tensorflow as tf
from facedetect.model.builtin import builtin_model
from facedetect.model.graph_files import version_folder

PARAMS = DetectionParams()


def test_a_model_that_is_not_there_is_found_later(
    simple_model: Path, tmp_path: Path, astronaut: BGRImage
) -> None:
    backend = saved_model_backend(tmp_path / "mtcnn")
    with pytest.raises(ModelNotFound, match="contains no SavedModel"):
        backend.predict(InferenceRequest(astronaut))
    with pytest.raises(ModelNotFound, match="contains no SavedModel"):
        backend.check_ready()
    (tmp_path / "mtcnn").symlink_to(simple_model)
    assert len(backend.predict(InferenceRequest(astronaut)).prob) == 1
    backend.check_ready()


def test_a_version_is_chosen(simple_model: Path, tmp_path: Path, astronaut: BGRImage) -> None:
    for version in ("1", "10", "9"):
        (tmp_path / version).symlink_to(simple_model / "1")
    ninth = open_backend(f"savedmodel:{tmp_path}?version=9").predict(InferenceRequest(astronaut))
    assert (ninth.model.name, ninth.model.version) == (tmp_path.name, 9)
    with pytest.raises(ModelNotFound, match="has no version 3; it has 1, 9, 10"):
        open_backend(f"savedmodel:{tmp_path}?version=3").predict(InferenceRequest(astronaut))


def test_a_broken_model_is_an_error_of_the_backend(tmp_path: Path, astronaut: BGRImage) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.pb").write_text("broken")
    with pytest.raises(BackendUnavailable, match="cannot be loaded"):
        saved_model_backend(tmp_path).predict(InferenceRequest(astronaut))


def test_a_model_without_the_signature_is_an_error_of_the_backend(
    tmp_path: Path, astronaut: BGRImage
) -> None:
    tf.saved_model.save(tf.Module(), str(tmp_path / "1"))
    with pytest.raises(BackendUnavailable, match=r"it has no signature.*facedetect convert"):
        saved_model_backend(tmp_path).predict(InferenceRequest(astronaut))


def test_a_deadline_holds_while_the_model_is_loaded(
    astronaut: BGRImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_loading, may_go_on = Event(), Event()

    def find_slowly(folder: Path, version: int | None) -> Path:
        is_loading.set()
        may_go_on.wait()
        return version_folder(folder, version)

    monkeypatch.setattr("facedetect.model.graph_files.version_folder", find_slowly)
    backend = saved_model_backend(builtin_model())  # takes longer than the deadline
    with ThreadPoolExecutor(1) as pool:
        in_time = time.monotonic() + 0.02
        loads = pool.submit(backend.predict, InferenceRequest(astronaut, PARAMS, in_time))
        is_loading.wait()
        try:
            with pytest.raises(BackendTimeout, match="still loading"):
                backend.predict(InferenceRequest(astronaut, PARAMS, time.monotonic() + 0.02))
            assert not loads.done()
        finally:
            may_go_on.set()
        assert isinstance(loads.exception(), BackendTimeout)
    assert backend.check_ready().version == 1, "what was loaded too late is of use"
    assert len(backend.predict(InferenceRequest(astronaut)).prob) == 1


def test_the_builtin_model_is_built_once_with_a_message(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = builtin_model(tmp_path)
    assert "building the face detection model" in caplog.text
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]
    caplog.clear()
    assert builtin_model(tmp_path) == folder
    assert not caplog.text


def test_a_cache_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BackendUnavailable, match="facedetect freeze"):
        builtin_model(tmp_path / "file" / "cache")
