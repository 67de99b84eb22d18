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
from facedetect.cli.evaluation_options import opened_subjects, parse_settings
from facedetect.errors import BackendUnavailable, InvalidParams, InvalidSettings
from facedetect.evaluation.detections import Found, nothing_found
from facedetect.evaluation.external import ExternalSubject
from facedetect.evaluation.extra import evaluation_extra
from facedetect.evaluation.report import draw_plots, write_report
from facedetect.evaluation.results import Evaluation, conclude, score_run, to_json
from facedetect.evaluation.runs import KNOWN_SETTINGS, Run
from facedetect.evaluation.tables import tables
from facedetect.evaluation.truth import LabelledImage, Protocol, Truth
from facedetect.faces import DetectionParams
from facedetect.settings import DetectorSettings
from tests.conftest import ASTRONAUT, face_at

PAGE = Path(__file__).parents[2] / "docs/evaluation.md"
FACES = [face_at(x, 20, side=40, confidence=0.9) for x in (10, 110)]
BOXES = np.array([(f.box.x_min, f.box.y_min, f.box.x_max, f.box.y_max) for f in FACES])
POINTS = np.array([[(point.x, point.y) for point in face.landmarks] for face in FACES])
EYES = 16.0  # px between them


def truth_of(protocol: Protocol) -> Truth:
    """Two pictures of two faces; the second face is of the subset near alone."""
    counted = {"near/er": np.array([True, True]), "far": np.array([True, False])}
    has_boxes = protocol is not Protocol.LANDMARKS
    images = tuple(
        LabelledImage(
            name,
            Path("/nowhere", name),
            BOXES if has_boxes else np.zeros((0, 4)),
            counted if has_boxes else {"all": np.zeros(0, bool)},
            POINTS,
        )
        for name in ("one", "other")
    )
    return Truth(protocol, ("near/er", "far") if has_boxes else ("all",), images)


def found_at(image: str, *faces: int, off: float = 0.0) -> Found:
    """Those faces, their landmarks so many px to the right."""
    chosen = list(faces)
    scores = np.linspace(0.9, 0.8, len(chosen))
    shift = np.array([off, 0.0])
    return Found(image, BOXES[chosen], scores, POINTS[chosen] + shift, 0.5)


def evaluation_of(protocol: Protocol, answers: Mapping[str, tuple[Found, ...]]) -> Evaluation:
    truth = truth_of(protocol)
    runs = [
        Run(name, name, "defaults", DetectionParams(), found) for name, found in answers.items()
    ]
    scores = [score_run(truth, run) for run in runs]
    return conclude(truth, scores, rounds=100)


@pytest.fixture
def good_and_bad() -> dict[str, tuple[Found, ...]]:
    """One finds all, with landmarks 0.8 px off; one finds one face, and fails on a picture."""
    return {
        "good": (found_at("one", 0, 1, off=0.8), found_at("other", 0, 1, off=0.8)),
        "bad | ugly": (found_at("one", 0), nothing_found("other", "no\nluck", 0.0)),
    }


def table_of(evaluation: Evaluation, title: str) -> list[tuple[str, ...]]:
    (table,) = (table for table in tables(evaluation) if table.title.startswith(title))
    return list(table.rows)


def test_the_tables_of_wider_face(good_and_bad: dict[str, tuple[Found, ...]]) -> None:
    evaluation = evaluation_of(Protocol.WIDER, good_and_bad)
    assert table_of(evaluation, "Average precision") == [
        ("detector", "setting", "near/er", "far", "failed", "s/picture"),
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


def test_the_tables_of_landmarks(good_and_bad: dict[str, tuple[Found, ...]]) -> None:
    evaluation = evaluation_of(Protocol.LANDMARKS, good_and_bad)
    assert [table.title.split(",")[0] for table in tables(evaluation)] == [
        "Landmark error",
        "Mean landmark error by point",
        "Landmark error over the faces that both found",
        "Failures",
    ]


def test_markdown_has_a_cell_for_a_cell(good_and_bad: dict[str, tuple[Found, ...]]) -> None:
    table = tables(evaluation_of(Protocol.WIDER, good_and_bad))[0]
    lines = table.to_markdown().splitlines()
    assert lines[1] == "| --- | --- | --- | --- | --- | --- |"
    assert lines[3] == "| bad \\| ugly | defaults | 0.250 | 0.500 | 1 | 0.500 |"


def test_a_detector_that_finds_nothing_has_figures_too(tmp_path: Path) -> None:
    empty = tuple(nothing_found(name, "out", 0.0) for name in ("one", "other"))
    for protocol in Protocol:
        evaluation = evaluation_of(protocol, {"empty": empty, "other": empty})
        assert tables(evaluation)
        if protocol is Protocol.WIDER:
            row = table_of(evaluation, "All detections")[1]
            assert row == ("empty", "defaults", "near/er", "", "0.000", "0 of 4", "0")
        write_report(evaluation, tmp_path)
        json.loads((tmp_path / "results.json").read_text(), parse_constant=pytest.fail)


@pytest.mark.parametrize(
    ("protocol", "plots"),
    [
        (
            Protocol.WIDER,
            ["precision-recall-near_er", "precision-recall-far", "landmark-errors"],
        ),
        (Protocol.LANDMARKS, ["landmark-errors"]),
    ],
)
def test_the_same_figures_give_the_same_files(
    protocol: Protocol,
    plots: list[str],
    good_and_bad: dict[str, tuple[Found, ...]],
    tmp_path: Path,
) -> None:
    evaluation = evaluation_of(protocol, good_and_bad)
    written = write_report(evaluation, tmp_path / "one")
    again = write_report(evaluation_of(protocol, good_and_bad), tmp_path / "other")
    names = ["results.json", "results.md", *(f"{plot}.svg" for plot in plots)]
    assert [path.name for path in written] == names
    assert [path.read_bytes() for path in written] == [path.read_bytes() for path in again]
    assert all(path.read_text().startswith("<?xml") for path in written[2:])


def test_a_subset_may_have_any_name_and_plots_a_legend_beside_the_curves(tmp_path: Path) -> None:
    image = LabelledImage("one", ASTRONAUT, BOXES, {"$\\frac$": np.array([True, True])})
    truth = Truth(Protocol.WIDER, ("$\\frac$",), (image,))
    widths = []
    for count in (1, 2):
        names = [f"{'long ' * 9 * number}name" for number in range(count)]
        runs = [Run(n, n, "s", DetectionParams(), (found_at("one", 0),)) for n in names]
        (plot,) = draw_plots(conclude(truth, [score_run(truth, run) for run in runs]), tmp_path)
        (width,) = re.findall(r'<svg .*?width="([\d.]+)pt"', plot.read_text(), re.DOTALL)
        widths.append(float(width))
    assert plot.name == "precision-recall-__frac_.svg"
    assert widths[1] > widths[0] + 100


def test_the_json_holds_everything(good_and_bad: dict[str, tuple[Found, ...]]) -> None:
    evaluation = evaluation_of(Protocol.WIDER, good_and_bad)
    data = json.loads(json.dumps(to_json(evaluation), allow_nan=False))
    assert data["truth"]["images"] == 2
    assert data["truth"]["fingerprint"] == evaluation.truth.fingerprint()
    good, bad = data["runs"]
    assert good["parameters"] == {
        "min_size": 20,
        "factor": 0.709,
        "thresholds": [0.6, 0.7, 0.7],
    }
    assert bad["errors"] == {"other": "no\nluck"}
    assert good["detections"] == 4
    for run in (good, bad):  # a failure is no answer, however quick
        assert run["seconds_per_image"] == {"mean": 0.5, "median": 0.5}
    near = good["subsets"]["near/er"]
    assert near["average_precision"] == 1
    assert near["all_detections"]["found"] == 4
    assert all(len(values) == 1000 for values in near["curve"].values())
    assert good["landmarks"]["percent_by_face"] == [pytest.approx(80 / EYES)] * 4
    assert bad["landmarks"]["percent_by_face"] == [0, None, None, None]
    (near_difference, _) = data["comparisons"]
    assert near_difference["difference"]["measured"] == pytest.approx(-0.75)
    assert data["landmark_comparisons"][0]["means"] == {"one": 0, "other": 5, "faces": 1}
    short = to_json(evaluation, with_curves=False)["runs"][0]
    assert "curve" not in short["subsets"]["far"]


def test_settings_are_known_by_name_or_given() -> None:
    assert parse_settings(["recipe", "a b=8/0.5/0.1,0.2,0.3"]) == {
        "recipe": KNOWN_SETTINGS["recipe"],
        "a b": DetectionParams(8, 0.5, (0.1, 0.2, 0.3)),
    }


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("unknown", InvalidSettings),
        ("a=20/0.7", InvalidSettings),
        ("a=x/0.7/0.1,0.2,0.3", InvalidSettings),
        ("a=20/0.7/0.1,0.2", InvalidParams),
        ("a=2/0.7/0.1,0.2,0.3", InvalidParams),
    ],
)
def test_settings_that_cannot_be_read_are_refused(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        parse_settings([text])
    with pytest.raises(InvalidSettings, match="given twice"):
        parse_settings(["defaults", "defaults"])


@pytest.mark.parametrize("text", ["embedded:", "embedded:m?version=1", "=embedded:", "a="])
def test_a_detector_without_a_name_is_refused(text: str) -> None:
    with (
        pytest.raises(InvalidSettings, match="has no name"),
        opened_subjects([text], [], DetectorSettings.load(), 1.0),
    ):
        pass


def test_a_model_that_is_not_there_is_told_before_any_work() -> None:
    detector = f"a=http://127.0.0.1:{free_port()}/mtcnn"
    with (
        pytest.raises(BackendUnavailable),
        opened_subjects([detector], [], DetectorSettings.load(), 1.0),
    ):
        pass


def test_what_is_not_installed_is_told_with_the_extra() -> None:
    words = r"drawing plots needs no_such_package, .* install facedetect\[evaluate\]"
    with pytest.raises(InvalidSettings, match=words), evaluation_extra("drawing plots"):
        importlib.import_module("no_such_package")


# In place of the package: it answers so that the program's part can be seen.
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


def test_the_program_on_the_page_answers_as_it_must(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    (tmp_path / "program.py").write_text(code)
    (tmp_path / "facenet_pytorch.py").write_text(STAND_IN)
    command = shlex.join([sys.executable, str(tmp_path / "program.py")])
    subject = ExternalSubject("page", command)
    picture = LabelledImage("a", ASTRONAUT, np.zeros((0, 4)), {})
    found = subject.detect(picture, DetectionParams())
    assert (found.error, found.boxes.tolist()) == (None, [[0, 0, 512, 512]])
    assert found.landmarks is not None
    assert found.landmarks[0, 4].tolist() == [8, 9]
    nobody = subject.detect(picture, DetectionParams(min_size=101))
    assert (nobody.error, nobody.boxes.shape) == (None, (0, 4))
    missing = LabelledImage("b", tmp_path / "missing.jpg", np.zeros((0, 4)), {})
    assert "No such file" in str(subject.detect(missing, DetectionParams()).error)
    subject.close()
