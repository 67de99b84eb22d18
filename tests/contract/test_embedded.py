"""Behaviour specific to the in-process engine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from facedetect import Detector
from facedetect.backends import InferenceRequest, open_backend
from facedetect.backends.embedded import embedded_backend
from facedetect.errors import BackendUnavailable, InvalidParams
from facedetect.hiding import hide
from facedetect.images import BGRImage
from facedetect.model_ref import ModelRef
from facedetect.mtcnn.weights import default_weights_path
from tests.conftest import ASTRONAUT, GRACE_HOPPER


def test_it_is_ready_once_loaded(astronaut: BGRImage) -> None:
    backend = open_backend("embedded:")
    assert backend.instruction_set is None
    with pytest.raises(BackendUnavailable, match="the model is loading"):
        backend.check_ready()
    backend.predict(InferenceRequest(astronaut))
    assert backend.check_ready() == ModelRef("mtcnn", 1)
    assert backend.instruction_set


def test_the_faces_of_the_photographs(builtin_detector: Detector) -> None:
    (collins,) = builtin_detector.detect(ASTRONAUT)
    (hopper,) = builtin_detector.detect(GRACE_HOPPER)
    assert 170 < collins.box.x_min < collins.landmarks.left_eye.x
    assert collins.landmarks.right_eye.x < collins.box.x_max < 275
    assert 55 < collins.box.y_min < collins.landmarks.left_eye.y < collins.landmarks.nose.y
    assert collins.landmarks.nose.y < collins.landmarks.mouth_left.y < collins.box.y_max < 195
    assert hopper.confidence > 0.99


def test_a_closed_backend_answers_nothing(astronaut: BGRImage) -> None:
    backend = open_backend("embedded:")
    backend.predict(InferenceRequest(astronaut))
    backend.close()
    backend.close()
    with pytest.raises(BackendUnavailable, match="closed"):
        backend.predict(InferenceRequest(astronaut))
    with pytest.raises(BackendUnavailable, match="closed"):
        backend.check_ready()


def test_more_threads_answer_alike(astronaut: BGRImage) -> None:
    one, three = (
        open_backend(f"embedded:?threads={threads}").predict(InferenceRequest(astronaut))
        for threads in (1, 3)
    )
    assert np.array_equal(one.prob, three.prob)
    assert np.array_equal(one.box, three.box)


def test_another_model_has_another_name(tmp_path: Path, astronaut: BGRImage) -> None:
    weights = tmp_path / "ours.safetensors"
    with pytest.raises(BackendUnavailable, match=r"ours\.safetensors is not a readable"):
        embedded_backend(weights).predict(InferenceRequest(astronaut))
    weights.symlink_to(default_weights_path())
    own = open_backend(f"embedded:?weights={weights}").predict(InferenceRequest(astronaut))
    assert own.model == ModelRef("ours")
    reference = open_backend("embedded:?geometry=reference").predict(InferenceRequest(astronaut))
    assert reference.model == ModelRef("mtcnn-reference", 1)
    averaged = open_backend("embedded:?landmarks=averaged").predict(InferenceRequest(astronaut))
    assert averaged.model == ModelRef("mtcnn-averaged", 1)
    assert np.array_equal(averaged.box, own.box)
    assert not np.array_equal(averaged.landmarks, own.landmarks)
    assert not np.array_equal(reference.box, own.box)


def test_weights_that_come_later_are_found(tmp_path: Path, astronaut: BGRImage) -> None:
    backend = embedded_backend(tmp_path / "later.safetensors")
    for use in (lambda: backend.predict(InferenceRequest(astronaut)), backend.check_ready):
        with pytest.raises(BackendUnavailable, match="is not a readable"):
            use()
    (tmp_path / "later.safetensors").symlink_to(default_weights_path())
    assert len(backend.predict(InferenceRequest(astronaut)).prob) == 1
    backend.check_ready()


def test_an_instruction_set_that_is_not_there_is_told(astronaut: BGRImage) -> None:
    backend = open_backend("embedded:?instruction_set=mmx")
    with pytest.raises(BackendUnavailable, match="mmx"):
        backend.predict(InferenceRequest(astronaut))


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((0, 10, 3), "not empty; its shape is"),
        ((10, 10, 4), "must be .height, width, 3."),
        ((10, 10), "must be .height, width, 3."),
        ((70_000, 70_000, 3), "the pyramid of the image must have at most 2000000000 pixels"),
    ],
)
def test_what_a_served_model_refuses_is_refused(shape: tuple[int, ...], words: str) -> None:
    image = np.broadcast_to(np.uint8(0), shape)
    with pytest.raises(InvalidParams, match=words):
        open_backend("embedded:").predict(InferenceRequest(image))


def test_a_package_without_the_engine_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['facedetect.engine._native'] = None; import facedetect; "
        "facedetect.Detector('grpc://localhost:1/mtcnn'); facedetect.Detector().warm_up()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True
    )
    assert ended.returncode == 1
    last = ended.stderr.strip().splitlines()[-1]
    assert "BackendUnavailable: the backend embedded: needs facedetect's compiled engine" in last
    assert "install a wheel" in last


@pytest.mark.parametrize("style", ["blur", "pixelate", "solid"])
def test_a_hidden_face_is_not_found_again(
    builtin_detector: Detector, astronaut: BGRImage, style: Literal["blur", "pixelate", "solid"]
) -> None:
    faces = builtin_detector.detect(astronaut)
    assert builtin_detector.detect(hide(astronaut, faces, style)) == []
