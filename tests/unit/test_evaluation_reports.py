from __future__ import annotations

import importlib
import json
import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from benchmarks.servers import free_port
from facedetect.cli.evaluation_options import opened_detectors, parse_param_sets
from facedetect.detection_params import DetectionParams
from facedetect.errors import BackendUnavailable, InvalidParams, InvalidSettings
from facedetect.evaluation.dataset import Dataset, LabelledImage, Metric
from facedetect.evaluation.evaluation_report import draw_plots, plots_of, write_report
from facedetect.evaluation.evaluation_results import Evaluation, compare_runs, score_run
from facedetect.evaluation.evaluation_run import KNOWN_SETTINGS, EvaluationRun
from facedetect.evaluation.external_program import ExternalProgramAdapter
from facedetect.evaluation.image_detections import ImageDetections
from facedetect.evaluation.result_tables import result_tables
from facedetect.evaluation.results_json import results_to_json
from facedetect.extras import requires_extra
from facedetect.presets import PRESETS
from facedetect.settings import DetectorSettings
from tests.conftest import ASTRONAUT, face_at

PAGE = Path(__file__).parents[2] / "docs/evaluation.md"
FACES = [face_at(x, 20, side=40, confidence=0.9) for x in (10, 110)]
BOXES = np.array([(f.box.x_min, f.box.y_min, f.box.x_max, f.box.y_max) for f in FACES])
POINTS = np.array([[(point.x, point.y) for point in face.landmarks] for face in FACES])
EYE_DISTANCE_PX = 16.0


def dataset_for(metric: Metric) -> Dataset:
    """Two images of two faces; the second face belongs to the subset near/er only."""
    masks = {"near/er": np.array([True, True]), "far": np.array([True, False])}
    has_boxes = metric is Metric.AVERAGE_PRECISION
    images = tuple(
        LabelledImage(
            name,
            Path("/nowhere", name),
            BOXES if has_boxes else np.zeros((0, 4)),
            masks if has_boxes else {"all": np.zeros(0, bool)},
            POINTS,
        )
        for name in ("one", "other")
    )
    return Dataset(metric, ("near/er", "far") if has_boxes else ("all",), images)


def detected(image: str, *faces: int, shift_px: float = 0.0) -> ImageDetections:
    """Detections of those faces, with landmarks shifted to the right."""
    chosen = list(faces)
    scores = np.linspace(0.9, 0.8, len(chosen))
    points = POINTS[chosen] + np.array([shift_px, 0.0])
    return ImageDetections(image, BOXES[chosen], scores, points, 0.5)


def evaluation_of(
    metric: Metric, detectors: Mapping[str, tuple[ImageDetections, ...]]
) -> Evaluation:
    dataset = dataset_for(metric)
    runs = [
        EvaluationRun(name, name, "defaults", DetectionParams(), detections)
        for name, detections in detectors.items()
    ]
    return compare_runs(dataset, [score_run(dataset, run) for run in runs], rounds=100)


@pytest.fixture
def good_and_bad() -> dict[str, tuple[ImageDetections, ...]]:
    """One detects all, with landmarks 0.8 px off; one detects one face and fails on an image."""
    return {
        "good": (detected("one", 0, 1, shift_px=0.8), detected("other", 0, 1, shift_px=0.8)),
        "bad | ugly": (detected("one", 0), ImageDetections.failed("other", "no\nluck", 0.0)),
    }


def table_of(evaluation: Evaluation, title: str) -> list[tuple[str, ...]]:
    (table,) = (table for table in result_tables(evaluation) if table.title.startswith(title))
    return list(table.rows)


def test_tables_of_average_precision(good_and_bad: dict[str, tuple[ImageDetections, ...]]) -> None:
    evaluation = evaluation_of(Metric.AVERAGE_PRECISION, good_and_bad)
    assert table_of(evaluation, "Average precision") == [
        ("detector", "setting", "near/er", "far", "failed", "s/image"),
        ("good", "defaults", "1.000", "1.000", "0", "0.500"),
        ("bad | ugly", "defaults", "0.250", "0.500", "1", "0.500"),
    ]
    assert table_of(evaluation, "All detections")[1:] == [
        ("good", "defaults", "near/er", "1.000", "1.000", "4 of 4", "0"),
        ("good", "defaults", "far", "1.000", "1.000", "2 of 2", "0"),
        ("bad | ugly", "defaults", "near/er", "1.000", "0.250", "1 of 4", "0"),
        ("bad | ugly", "defaults", "far", "1.000", "0.500", "1 of 2", "0"),
    ]
    compared = table_of(evaluation, "Differences")
    assert compared[1][:4] == ("bad | ugly - good", "defaults", "near/er", "-0.7500")
    assert table_of(evaluation, "Failures")[1:] == [("bad | ugly", "defaults", "1", "no luck")]
    landmarks = table_of(evaluation, "Landmark error, %")
    assert landmarks[1] == ("good", "defaults", "5.00", "5.00", "0", "0", "0", "0.500")
    assert landmarks[2][5] == "3"
    both = table_of(evaluation, "Landmark error over the faces that both")
    assert both[1] == ("bad | ugly / good", "defaults", "0.00", "5.00", "-100.0%", "1")


def test_tables_of_landmark_errors(good_and_bad: dict[str, tuple[ImageDetections, ...]]) -> None:
    evaluation = evaluation_of(Metric.LANDMARK_ERROR, good_and_bad)
    assert [table.title.split(",")[0] for table in result_tables(evaluation)] == [
        "Landmark error",
        "Mean landmark error by point",
        "Landmark error over the faces that both detectors found",
        "Failures",
    ]


def test_markdown_escapes_bars(good_and_bad: dict[str, tuple[ImageDetections, ...]]) -> None:
    table = result_tables(evaluation_of(Metric.AVERAGE_PRECISION, good_and_bad))[0]
    lines = table.to_markdown().splitlines()
    assert lines[1] == "| --- | --- | --- | --- | --- | --- |"
    assert lines[3] == "| bad \\| ugly | defaults | 0.250 | 0.500 | 1 | 0.500 |"


def test_a_detector_without_detections_has_results(tmp_path: Path) -> None:
    empty = tuple(ImageDetections.failed(name, "out", 0.0) for name in ("one", "other"))
    for metric in Metric:
        evaluation = evaluation_of(metric, {"empty": empty, "other": empty})
        assert result_tables(evaluation)
        if metric is Metric.AVERAGE_PRECISION:
            row = table_of(evaluation, "All detections")[1]
            assert row == ("empty", "defaults", "near/er", "", "0.000", "0 of 4", "0")
        write_report(evaluation, tmp_path)
        json.loads((tmp_path / "results.json").read_text(), parse_constant=pytest.fail)


@pytest.mark.parametrize(
    ("metric", "plots"),
    [
        (
            Metric.AVERAGE_PRECISION,
            ["precision-recall-near_er", "precision-recall-far", "landmark-errors"],
        ),
        (Metric.LANDMARK_ERROR, ["landmark-errors"]),
    ],
)
def test_equal_results_give_equal_files(
    metric: Metric,
    plots: list[str],
    good_and_bad: dict[str, tuple[ImageDetections, ...]],
    tmp_path: Path,
) -> None:
    evaluation = evaluation_of(metric, good_and_bad)
    written = write_report(evaluation, tmp_path / "one")
    again = write_report(evaluation_of(metric, good_and_bad), tmp_path / "other")
    names = ["results.json", "results.md", *(f"{plot}.svg" for plot in plots)]
    assert [path.name for path in written] == names
    assert [path.read_bytes() for path in written] == [path.read_bytes() for path in again]
    assert all(path.read_text().startswith("<?xml") for path in written[2:])


def test_plots_of_subsets_and_detectors_with_unusual_names(tmp_path: Path) -> None:
    image = LabelledImage("one", ASTRONAUT, BOXES, {"$\\frac$": np.array([True, True])})
    dataset = Dataset(Metric.AVERAGE_PRECISION, ("$\\frac$",), (image,))
    widths = []
    for count in (1, 2):
        names = [f"{'long ' * 9 * number}name" for number in range(count)]
        runs = [EvaluationRun(n, n, "s", DetectionParams(), (detected("one", 0),)) for n in names]
        scores = [score_run(dataset, run) for run in runs]
        (plot,) = draw_plots(compare_runs(dataset, scores), tmp_path)
        (width,) = re.findall(r'<svg .*?width="([\d.]+)pt"', plot.read_text(), re.DOTALL)
        widths.append(float(width))
    assert plot.name == "precision-recall-__frac_.svg"
    assert widths[1] > widths[0] + 100  # the legend is beside the curves


def test_landmark_curves_span_the_plot(
    good_and_bad: dict[str, tuple[ImageDetections, ...]],
) -> None:
    evaluation = evaluation_of(Metric.LANDMARK_ERROR, good_and_bad)
    ((axes, curves),) = ((axes, curves) for _, axes, curves in plots_of(evaluation) if curves)
    assert axes.x_limits == (0, 25)
    for curve in curves:
        assert (curve.y[0], curve.x[-1]) == (0, 25)


def test_results_as_json(good_and_bad: dict[str, tuple[ImageDetections, ...]]) -> None:
    evaluation = evaluation_of(Metric.AVERAGE_PRECISION, good_and_bad)
    data = json.loads(json.dumps(results_to_json(evaluation), allow_nan=False))
    assert data["dataset"]["images"] == 2
    assert data["dataset"]["fingerprint"] == evaluation.dataset.fingerprint()
    good, bad = data["runs"]
    assert good["parameters"] == {
        "min_size": 20,
        "factor": 0.709,
        "thresholds": [0.6, 0.7, 0.7],
        "min_confidence": 0,
        "rotations": [0],
        "looks": 1,
    }
    assert bad["errors"] == {"other": "no\nluck"}
    assert good["detections"] == 4
    for run in (good, bad):  # without the failed image
        assert run["seconds_per_image"] == {"mean": 0.5, "median": 0.5}
    near = good["subsets"]["near/er"]
    assert near["average_precision"] == 1
    assert near["all_detections"]["true_positives"] == 4
    assert all(len(values) == 1000 for values in near["curve"].values())
    assert good["landmarks"]["percent_by_face"] == [pytest.approx(80 / EYE_DISTANCE_PX)] * 4
    assert bad["landmarks"]["percent_by_face"] == [0, None, None, None]
    near_comparison, _ = data["precision_comparisons"]
    assert near_comparison["difference"]["estimate"] == pytest.approx(-0.75)
    (comparison,) = data["landmark_comparisons"]
    assert (comparison["detector_mean"], comparison["baseline_mean"]) == (0, 5)
    assert comparison["faces"] == 1
    short = results_to_json(evaluation, with_curves=False)["runs"][0]
    assert "curve" not in short["subsets"]["far"]


def test_settings_by_name_and_by_values() -> None:
    texts = ["recipe", "few-misses", "a b=8/0.5/0.1,0.2,0.3", "more=8/0.5/0.1,0.2,0.3/4"]
    assert parse_param_sets(texts) == {
        "recipe": KNOWN_SETTINGS["recipe"],
        "few-misses": PRESETS["few-misses"],
        "a b": DetectionParams(8, 0.5, (0.1, 0.2, 0.3)),
        "more": DetectionParams(8, 0.5, (0.1, 0.2, 0.3), looks=4),
    }


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("unknown", InvalidSettings),
        ("a=20/0.7", InvalidSettings),
        ("a=x/0.7/0.1,0.2,0.3", InvalidSettings),
        ("a=20/0.7/0.1,0.2", InvalidParams),
        ("a=2/0.7/0.1,0.2,0.3", InvalidParams),
        ("a=20/0.7/0.1,0.2,0.3/x", InvalidSettings),
        ("a=20/0.7/0.1,0.2,0.3/2/0", InvalidSettings),
        ("a=20/0.7/0.1,0.2,0.3/7", InvalidParams),
    ],
)
def test_invalid_settings(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        parse_param_sets([text])
    with pytest.raises(InvalidSettings, match="given twice"):
        parse_param_sets(["defaults", "defaults"])


@pytest.mark.parametrize("text", ["embedded:", "embedded:m?version=1", "=embedded:", "a="])
def test_a_detector_needs_a_name(text: str) -> None:
    with (
        pytest.raises(InvalidSettings, match="is not NAME=VALUE"),
        opened_detectors([text], [], DetectorSettings.load(), 1.0),
    ):
        pass


def test_a_missing_model_is_reported_before_any_run() -> None:
    detector = f"a=http://127.0.0.1:{free_port()}/mtcnn"
    with (
        pytest.raises(BackendUnavailable),
        opened_detectors([detector], [], DetectorSettings.load(), 1.0),
    ):
        pass


def test_a_missing_package_is_reported_with_the_extra() -> None:
    message = r"drawing plots needs no_such_package, .* pip install 'facedetect\[evaluate\]'"
    with (
        pytest.raises(InvalidSettings, match=message),
        requires_extra("drawing plots", "evaluate"),
    ):
        importlib.import_module("no_such_package")


# In place of the package, with answers that show what the program makes of them.
STAND_IN = """
import numpy as np

class MTCNN:
    def __init__(self, min_face_size, factor, thresholds, keep_all):
        self.side = min_face_size

    def detect(self, image, landmarks):
        height, width, _ = image.shape
        if self.side > 100:
            return None, [None], None
        points = np.arange(10, dtype=np.float32).reshape(1, 5, 2)
        return np.array([[0, 0, width, height]], np.float32), np.array([0.5]), points
"""


def test_the_program_in_the_documentation(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    (tmp_path / "program.py").write_text(code)
    (tmp_path / "facenet_pytorch.py").write_text(STAND_IN)
    command = shlex.join([sys.executable, str(tmp_path / "program.py")])
    detector = ExternalProgramAdapter("page", command)
    image = LabelledImage("a", ASTRONAUT, np.zeros((0, 4)), {})
    found = detector.detect(image, DetectionParams())
    assert (found.error, found.boxes.tolist()) == (None, [[0, 0, 512, 512]])
    assert found.landmarks is not None
    assert found.landmarks[0, 4].tolist() == [8, 9]
    nobody = detector.detect(image, DetectionParams(min_size=101))
    assert (nobody.error, nobody.boxes.shape) == (None, (0, 4))
    missing = LabelledImage("b", tmp_path / "missing.jpg", np.zeros((0, 4)), {})
    assert "No such file" in str(detector.detect(missing, DetectionParams()).error)
    detector.close()
