from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.synthetic_archive import compose, read_sources
from facedetect.images import write_image
from tests.processes import call

# Detects nothing, and fails on one image.
PROGRAM = """
import json, sys
for line in sys.stdin:
    fails = json.loads(line)["image"].endswith("0.png")
    answer = {"error": "dark \\x1b[31m"} if fails else {"boxes": [], "scores": []}
    print(json.dumps(answer), flush=True)
"""

NAME = "a program with so long a name that its tables are wider than a terminal"


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """Images with heads from the bundled photographs at known positions and sizes."""
    sources, generator = read_sources(), np.random.default_rng(3)
    rows = []
    for number, people in enumerate([1, 2, 4, 6, 0]):
        image, faces = compose(sources, generator, (640, 480), people)
        write_image(tmp_path / "pictures" / f"{number}.png", image)
        boxes = [[face.x_min, face.y_min, face.x_max, face.y_max] for face in faces]
        rows.append({"image": f"{number}.png", "boxes": boxes})
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(rows))
    return path


def test_evaluate_and_resume_with_another_detector(labels: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = ("evaluate", labels, "--images", tmp_path / "pictures", "--output", out)
    ended = call(*command)
    assert ended.returncode == 0, ended.stderr
    assert "\nfacedetect  defaults  1.000  " in ended.stdout
    names = ["detections", "precision-recall-all.svg", "results.json", "results.md"]
    assert sorted(path.name for path in out.iterdir()) == names
    results = json.loads((out / "results.json").read_text())
    (measured,) = results["runs"]
    assert measured["subsets"]["all"]["average_precision"] == 1
    assert measured["subsets"]["all"]["all_detections"] == {
        "precision": 1,
        "recall": 1,
        "true_positives": 13,
        "false_positives": 0,
        "false_negatives": 0,
    }
    assert measured["errors"] == {}
    (tmp_path / "program.py").write_text(PROGRAM)
    program = shlex.join([sys.executable, str(tmp_path / "program.py")])
    again = call(*command, "--detector", "facedetect=embedded:", "--external", f"{NAME}={program}")
    assert again.returncode == 1, again.stderr
    assert f"\n{NAME}  defaults  all " in again.stdout
    assert "\\x1b[31m" in again.stdout
    assert "\x1b" not in again.stdout
    assert "facedetect, defaults: 5 of 5 images" in again.stderr
    assert "0.png: dark" in again.stderr
    results = json.loads((out / "results.json").read_text())
    assert results["runs"][0] == measured
    assert results["runs"][1]["errors"] == {"0.png": "dark \x1b[31m"}
    assert results["precision_comparisons"][0]["difference"]["estimate"] == pytest.approx(-1)


def test_invalid_labels_are_reported_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text('[{"image": "missing.jpg", "boxes": [[0, 0, 9, 9]]}]')
    ended = call("evaluate", tmp_path / "labels.json", "--output", tmp_path / "out")
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: ")
    assert "missing.jpg" in ended.stderr
    assert not (tmp_path / "out").exists()
