from __future__ import annotations

import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import accuracy, accuracy_sweep, accuracy_times, detectors
from benchmarks.accuracy_models import REFERENCE
from facedetect import Detector
from facedetect.backends.fake import FakeBackend
from facedetect.evaluation.detections import Found, nothing_found
from facedetect.evaluation.external import ExternalSubject
from facedetect.evaluation.results import conclude, score_run
from facedetect.evaluation.runs import KNOWN_SETTINGS, Run
from facedetect.evaluation.truth import LabelledImage, Protocol, Truth
from facedetect.faces import DetectionParams
from tests.conftest import ASTRONAUT
from tests.fake import slow

PROGRAM = Path(detectors.__file__).with_name("rival_detector.py")
FACE = [10.0, 10.0, 50.0, 50.0]
WALL = [100.0, 10.0, 140.0, 50.0]


@pytest.fixture
def truth() -> Truth:
    counted = {"hard": np.array([True])}
    images = (LabelledImage(n, ASTRONAUT, np.array([FACE]), counted) for n in ("one", "other"))
    return Truth(Protocol.WIDER, ("hard",), tuple(images))


def run_of(name: str, *found: Found, params: DetectionParams | None = None) -> Run:
    return Run(name, "/home/somebody/model", "defaults", params or DetectionParams(), found)


def found_in(image: str, score: float, wall_score: float) -> Found:
    order = np.argsort([-score, -wall_score])
    boxes, scores = np.array([FACE, WALL])[order], np.array([score, wall_score])[order]
    return Found(image, boxes, scores, None, 0.1)


def test_a_package_is_asked_as_an_external_program(tmp_path: Path) -> None:
    command = shlex.join([sys.executable, str(PROGRAM), "facedetect", "2"])
    subject = ExternalSubject("facedetect", command)
    picture = LabelledImage("a", ASTRONAUT, np.zeros((0, 4)), {})
    found = subject.detect(picture, DetectionParams())
    assert found.error is None
    assert found.boxes[0] == pytest.approx([181, 62, 267, 172], abs=4)
    assert found.landmarks is not None
    assert found.landmarks[0, 0] == pytest.approx([204, 101], abs=4)
    assert not len(subject.detect(picture, DetectionParams(min_size=400)).boxes)
    (tmp_path / "text.jpg").write_text("no picture")
    text = LabelledImage("b", tmp_path / "text.jpg", np.zeros((0, 4)), {})
    assert str(subject.detect(text, DetectionParams()).error).startswith("UnidentifiedImageError")
    subject.close()


def test_a_sweep_takes_the_third_threshold_from_the_scores(truth: Truth) -> None:
    params = DetectionParams(20, thresholds=(0.6, 0.7, 0.3))
    answers = found_in("one", 0.99, 0.4), found_in("other", 0.65, 0.55)
    choices = accuracy_sweep.choices(truth, [run_of("ours", *answers, params=params)])
    by_third = {choice.thresholds[2]: choice for choice in choices}
    assert by_third[0.3].false_alarms == 1
    assert by_third[0.5].false_alarms == 0.5
    assert by_third[0.6].precision == {"hard": 1}
    assert by_third[0.6].recall == {"hard": 1}
    assert by_third[0.7].recall == {"hard": 0.5}
    rows = accuracy_sweep.rows(choices, truth.subsets)
    assert rows[1] == ("20", "0.6 0.7 0.7", "1.000", "0.500", "0.00")
    lines = accuracy_sweep.lines(choices, "hard")
    assert [len(line.x) for line in lines if len(line.x)] == [len(choices)]
    assert len(accuracy_sweep.settings()) == 12


def test_recall_is_told_at_the_false_alarms_of_the_reference(truth: Truth) -> None:
    reference = run_of(REFERENCE, found_in("one", 0.9, 0.4), found_in("other", 0.8, 0.3))
    better = run_of("better", found_in("one", 0.9, 0.4), found_in("other", 0.8, 0.3))
    worse = run_of(
        "worse", found_in("one", 0.1, 0.4), nothing_found("other", "/a b/c/run.py: no", 0.0)
    )
    scores = [score_run(truth, run) for run in (reference, better, worse)]
    evaluation = conclude(truth, scores, rounds=100)
    head, *rows = accuracy.equal_table(evaluation).rows
    assert head[3] == "at the reference's 2"
    assert [row[3] for row in rows] == ["1.000", "1.000", "0.500"]
    public = str(accuracy.public_figures(evaluation))
    assert "somebody" not in public
    assert "/a b" not in public
    assert "run.py: no" in public


def test_times_are_ratios_to_the_reference_on_the_same_picture(truth: Truth) -> None:
    timed = {
        REFERENCE: Detector(FakeBackend(slow(0.02))),
        "slow": Detector(FakeBackend(slow(0.04))),
    }
    times = accuracy_times.measure_times(timed, KNOWN_SETTINGS, truth, pictures=1, rounds=3)
    assert [(row.model, row.setting) for row in times] == [
        (REFERENCE, "defaults"),
        ("slow", "defaults"),
        (REFERENCE, "recipe"),
        ("slow", "recipe"),
    ]
    assert times[0].median_ratio == 1
    assert 1.3 < times[1].median_ratio < 3
