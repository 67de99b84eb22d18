"""Exports for supervision, which is installed apart: it brings a second OpenCV."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import ASTRONAUT
from tests.nightly.foreign_clients import pip_install, run_script

_SCRIPT = """
from facedetect import Detector, to_supervision
with Detector() as detector:
    faces = detector.detect(photo)
detections = to_supervision(faces)
answer = {
    "boxes": detections.xyxy.tolist(),
    "scores": detections.confidence.tolist(),
    "landmarks": detections[0].data["landmarks"].shape,
    "expected": [[face.box.xyxy, face.confidence] for face in faces],
    "without_faces": len(to_supervision([])),
}
"""


def test_supervision_gets_boxes_scores_and_landmarks(tmp_path: Path) -> None:
    packages = pip_install(tmp_path, "supervision", "pydeprecate", "tqdm", "defusedxml")
    answer = run_script(_SCRIPT, {"photo": str(ASTRONAUT)}, packages, tmp_path)
    ((box, score),) = answer["expected"]
    assert answer["boxes"] == [pytest.approx(box)]
    assert answer["scores"] == [pytest.approx(score)]
    assert answer["landmarks"] == [1, 5, 2]
    assert answer["without_faces"] == 0
