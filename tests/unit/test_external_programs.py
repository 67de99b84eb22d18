"""External programs as detectors: answers, failures and requests."""

from __future__ import annotations

import json
import shlex
import signal
import sys
import time
from pathlib import Path

import pytest

from facedetect.detection_params import DetectionParams
from facedetect.errors import InvalidSettings
from facedetect.evaluation.external_program import ExternalProgramAdapter
from tests.unit.evaluation_data import one_face_images, run_detector

# The image's name decides what it does.
PROGRAM = """
import json, sys, time
print("awake", file=sys.stderr, flush=True)
for line in sys.stdin:
    request = json.loads(line)
    name = request["image"].rsplit("/", 1)[1]
    if name == "dies":
        sys.exit("out of luck")
    if name == "is-killed":
        import os
        os.kill(os.getpid(), 9)
    if name == "hangs":
        time.sleep(60)
    if name == "twice":
        print(json.dumps({"boxes": [], "scores": []}))
    answers = {
        "fails": {"error": "no such thing"},
        "odd": {"boxes": [[1, 2, 3, 4]], "scores": [0.5, 0.6]},
        "list": [1, 2],
        "nan": {"boxes": [[1, 2, 3, float("nan")]], "scores": [1]},
        "sizes": {"boxes": [[50, 20, 30, 30]], "scores": [1]},
        "flat": {"boxes": [1, 2, 3, 4], "scores": [1]},
        "far": {"boxes": [[0, 0, 1e9, 9]], "scores": [1]},
        "pairs": {"boxes": [[1, 2, 3, 4]], "scores": [1], "landmarks": [list(range(10))]},
    }
    boxes = [[0, 0, request["min_size"], 9], [1, 1, 5, 5]]
    usual = {"boxes": boxes, "scores": [0.25, 0.75], "landmarks": [[[1, 2]] * 5, [[3, 4]] * 5]}
    answer = "no JSON" if name == "text" else json.dumps(answers.get(name, usual))
    print(answer, flush=True)
"""


@pytest.fixture
def program(tmp_path: Path) -> str:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return shlex.join([sys.executable, str(path)])


def test_a_program_answers_or_fails_on_each_image(program: str, tmp_path: Path) -> None:
    odd = "odd", "list", "nan", "sizes", "flat", "far", "pairs", "text"
    names = "one", "fails", *odd, "dies", "is-killed", "last"
    detector = ExternalProgramAdapter("program", program)
    run = run_detector(one_face_images(*names), detector, tmp_path)
    assert list(run.errors) == list(names[1:-1])
    for answer in (run.detections[0], run.detections[-1]):
        assert answer.boxes.tolist() == [[1, 1, 5, 5], [0, 0, 20, 9]]
        assert answer.scores.tolist() == [0.75, 0.25]
        assert answer.seconds > 0
        assert answer.landmarks is not None
        assert answer.landmarks[:, 0].tolist() == [[3, 4], [1, 2]]
    assert run.errors["fails"] == "no such thing"
    assert "1 boxes, 2 scores and no landmarks" in run.errors["odd"]
    assert "boxes.0.3 is NaN: Input should be a finite number" in run.errors["nan"]
    assert "max is below min" in run.errors["sizes"]
    assert "boxes.0 is 1: Input should be a valid tuple" in run.errors["flat"]
    assert "boxes.0.2 is 1000000000.0: " in run.errors["far"]
    assert "landmarks.0 is [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]: " in run.errors["pairs"]
    assert run.errors["list"].startswith("invalid answer: the value is [1, 2]: ")
    assert run.errors["text"].startswith("the answer is not JSON: 'no JSON\\n'")
    stderr = "the end of its standard error: awake\nout of luck"
    assert run.errors["dies"] == f"the program exited with code 1; {stderr}"
    assert f"was killed by signal {signal.SIGKILL:d}" in run.errors["is-killed"]


def test_a_program_that_hangs_is_restarted(program: str, tmp_path: Path) -> None:
    detector = ExternalProgramAdapter("program", program, timeout_s=5.0)
    run = run_detector(one_face_images("one", "hangs", "last"), detector, tmp_path)
    assert list(run.errors) == ["hangs"]
    stderr = "the end of its standard error: awake"
    assert run.errors["hangs"].startswith(f"no answer within 5 s; {stderr}")


def test_an_extra_line_is_not_taken_for_the_next_answer(program: str) -> None:
    detector = ExternalProgramAdapter("program", program)
    dataset = one_face_images("twice", "next", "last")
    first = detector.detect(dataset.images[0], DetectionParams())
    assert (first.error, len(first.boxes)) == (None, 0)
    time.sleep(0.2)  # until the second line is there
    error = detector.detect(dataset.images[1], DetectionParams()).error
    assert str(error).startswith("the program sent an extra line after its last answer")
    assert len(detector.detect(dataset.images[2], DetectionParams()).boxes) == 2
    detector.close()


def test_a_program_that_exits_after_each_answer(tmp_path: Path) -> None:
    script = tmp_path / "once.py"
    script.write_text('input()\nprint(\'{"boxes": [], "scores": []}\')')
    detector = ExternalProgramAdapter("once", shlex.join([sys.executable, str(script)]))
    answers = []
    for image in one_face_images("a", "b", "c").images:
        answers.append(detector.detect(image, DetectionParams()).error)
        time.sleep(0.2)  # until it has exited
    assert answers == [None, "the program exited with code 0", None]
    detector.close()


def test_a_file_that_is_not_a_program(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("x")
    script.chmod(0o755)
    with pytest.raises(InvalidSettings, match="cannot be run: Exec format error"):
        run_detector(one_face_images("a"), ExternalProgramAdapter("script", str(script)), tmp_path)


def test_a_program_gets_all_parameters(tmp_path: Path) -> None:
    script = tmp_path / "echo.py"
    script.write_text("import json\nprint(json.dumps({'error': input()}))")
    detector = ExternalProgramAdapter("echo", shlex.join([sys.executable, str(script)]))
    run = run_detector(one_face_images("a b.jpg"), detector, tmp_path)
    assert json.loads(run.errors["a b.jpg"]) == {
        "image": "/nowhere/a b.jpg",
        "min_size": 20,
        "factor": 0.709,
        "thresholds": [0.6, 0.7, 0.7],
        "min_confidence": 0,
        "rotations": [0],
        "looks": 1,
    }


def test_another_script_is_another_detector(program: str, tmp_path: Path) -> None:
    before = ExternalProgramAdapter("program", program).identity
    assert ExternalProgramAdapter("program", program).identity == before
    (tmp_path / "program.py").write_text("another")
    assert ExternalProgramAdapter("program", program).identity != before


@pytest.mark.parametrize("command", ["", "no-such-program -x", "'open"])
def test_invalid_commands(command: str) -> None:
    with pytest.raises(InvalidSettings, match="the command"):
        ExternalProgramAdapter("program", command)
