from __future__ import annotations

import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import accuracy, accuracy_sweep, accuracy_times, detectors
from benchmarks.accuracy_models import REFERENCE
from benchmarks.pages import page_with
from facedetect import Detector
from facedetect.backends.fake import FakeBackend
from facedetect.detection_params import DetectionParams
from facedetect.evaluation.dataset import Dataset, LabelledImage, Metric
from facedetect.evaluation.evaluation_results import compare_runs, score_run
from facedetect.evaluation.evaluation_run import KNOWN_SETTINGS, EvaluationRun
from facedetect.evaluation.external_program import ExternalProgramAdapter
from facedetect.evaluation.image_detections import ImageDetections
from tests.conftest import ASTRONAUT
from tests.fake import after

PROGRAM = Path(detectors.__file__).with_name("rival_detector.py")
FACE = [10.0, 10.0, 50.0, 50.0]
WALL = [100.0, 10.0, 140.0, 50.0]


@pytest.fixture
def dataset() -> Dataset:
    masks = {"hard": np.array([True])}
    images = (LabelledImage(n, ASTRONAUT, np.array([FACE]), masks) for n in ("one", "other"))
    return Dataset(Metric.AVERAGE_PRECISION, ("hard",), tuple(images))


def run_of(
    name: str, *detections: ImageDetections, params: DetectionParams | None = None
) -> EvaluationRun:
    identity = "/home/somebody/model"
    return EvaluationRun(name, identity, "defaults", params or DetectionParams(), detections)


def detected(image: str, score: float, wall_score: float) -> ImageDetections:
    order = np.argsort([-score, -wall_score])
    boxes, scores = np.array([FACE, WALL])[order], np.array([score, wall_score])[order]
    return ImageDetections(image, boxes, scores, None, 0.1)


def test_a_package_as_an_external_program(tmp_path: Path) -> None:
    command = shlex.join([sys.executable, str(PROGRAM), "facedetect", "2"])
    detector = ExternalProgramAdapter("facedetect", command)
    image = LabelledImage("a", ASTRONAUT, np.zeros((0, 4)), {})
    found = detector.detect(image, DetectionParams())
    assert found.error is None
    assert found.boxes[0] == pytest.approx([181, 62, 267, 172], abs=4)
    assert found.landmarks is not None
    assert found.landmarks[0, 0] == pytest.approx([204, 101], abs=4)
    assert not len(detector.detect(image, DetectionParams(min_size=400)).boxes)
    (tmp_path / "text.jpg").write_text("not an image")
    text = LabelledImage("b", tmp_path / "text.jpg", np.zeros((0, 4)), {})
    assert str(detector.detect(text, DetectionParams()).error).startswith("UnidentifiedImageError")
    detector.close()


def test_a_sweep_applies_the_third_threshold_to_the_scores(dataset: Dataset) -> None:
    params = DetectionParams(20, thresholds=(0.6, 0.7, 0.3))
    detections = detected("one", 0.99, 0.4), detected("other", 0.65, 0.55)
    choices = accuracy_sweep.choices(dataset, [run_of("ours", *detections, params=params)])
    by_third = {choice.thresholds[2]: choice for choice in choices}
    assert by_third[0.3].false_positives == 1
    assert by_third[0.5].false_positives == 0.5
    assert by_third[0.6].precision == {"hard": 1}
    assert by_third[0.6].recall == {"hard": 1}
    assert by_third[0.7].recall == {"hard": 0.5}
    rows = accuracy_sweep.rows(choices, dataset.subsets)
    assert rows[1] == ("20", "0.6 0.7 0.7", "1.000", "0.500", "0.00")
    curves = accuracy_sweep.curves(choices, "hard")
    assert [len(curve.x) for curve in curves if len(curve.x)] == [len(choices)]
    assert len(accuracy_sweep.settings()) == 12


def test_recall_at_the_number_of_false_positives_of_the_reference(dataset: Dataset) -> None:
    reference = run_of(REFERENCE, detected("one", 0.9, 0.4), detected("other", 0.8, 0.3))
    better = run_of("better", detected("one", 0.9, 0.4), detected("other", 0.8, 0.3))
    worse = run_of(
        "worse",
        detected("one", 0.1, 0.4),
        ImageDetections.failed("other", "/a b/c/run.py: no", 0.0),
    )
    scores = [score_run(dataset, run) for run in (reference, better, worse)]
    evaluation = compare_runs(dataset, scores, rounds=100)
    header, *rows = accuracy.equal_table(evaluation).rows
    assert header[3] == "at the reference's 2"
    assert [row[3] for row in rows] == ["1.000", "1.000", "0.500"]
    public = str(accuracy.public_figures(evaluation))
    assert "somebody" not in public
    assert "/a b" not in public
    assert "run.py: no" in public


def test_times_are_ratios_to_the_reference_on_the_same_image(dataset: Dataset) -> None:
    now_s = 0.0

    def timed_detector(seconds: float) -> Detector:
        def pass_time() -> None:
            nonlocal now_s
            now_s += seconds

        return Detector(FakeBackend(after(pass_time)))

    detectors = {REFERENCE: timed_detector(0.02), "slow": timed_detector(0.04)}
    times = accuracy_times.measure_times(
        detectors, KNOWN_SETTINGS, dataset, images=1, rounds=3, clock=lambda: now_s
    )
    assert [(row.model, row.setting) for row in times] == [
        (REFERENCE, "defaults"),
        ("slow", "defaults"),
        (REFERENCE, "recipe"),
        ("slow", "recipe"),
    ]
    assert [row.median_ratio for row in times] == [1, 2, 1, 2]
    assert times[0].median_ms == 20


def test_each_section_is_written_into_the_page_that_has_it(tmp_path: Path) -> None:
    texts = {"times": "<!-- times -->\n<!-- /times -->", "equal": "<!-- equal -->\n<!-- /equal -->"}
    pages = [tmp_path / f"{name}.md" for name in texts]
    for page, text in zip(pages, texts.values(), strict=True):
        page.write_text(text)
    report = accuracy.Report(tmp_path / "figures" / "accuracy", pages)
    report.write("equal", "a table", report.link("equal", "figures", report.figures))
    assert pages[0].read_text() == texts["times"]
    assert "a table\n\n[figures](figures/accuracy.json)" in pages[1].read_text()
    with pytest.raises(ValueError, match="must contain <!-- landmarks -->; 0 do"):
        report.write("landmarks", "a table")


def test_the_pages_have_every_section_of_the_report() -> None:
    docs = Path(__file__).parents[2] / "docs"
    pages = [docs / name for name in accuracy.PAGES]
    for section in ("precision", "differences", "equal", "thresholds", "landmarks", "times"):
        assert page_with(pages, section) in pages
