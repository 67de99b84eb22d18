"""Other programs as detectors: their answers, their ends, what they are told."""

from __future__ import annotations

import json
import shlex
import signal
import sys
import time
from pathlib import Path

import pytest

from facedetect.errors import InvalidSettings
from facedetect.evaluation.external import ExternalSubject
from facedetect.faces import DetectionParams
from tests.unit.labelled import run_all, truth_of

# What it does is told by the pictures' names.
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
        print(json.dumps({"boxes": [], "scores": []}), flush=True)
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


def test_a_program_answers_each_picture_or_says_why_not(program: str, tmp_path: Path) -> None:
    odd = "odd", "list", "nan", "sizes", "flat", "far", "pairs", "text"
    names = "one", "fails", *odd, "dies", "is-killed", "last"
    run = run_all(truth_of(*names), ExternalSubject("program", program), tmp_path)
    assert list(run.errors) == list(names[1:-1])
    for found in (run.found[0], run.found[-1]):
        assert found.boxes.tolist() == [[1, 1, 5, 5], [0, 0, 20, 9]]
        assert found.scores.tolist() == [0.75, 0.25]
        assert found.seconds > 0
        assert found.landmarks is not None
        assert found.landmarks[:, 0].tolist() == [[3, 4], [1, 2]]
    assert run.errors["fails"] == "no such thing"
    assert "1 boxes, 2 scores and no landmarks" in run.errors["odd"]
    assert "not finite" in run.errors["nan"]
    assert "ends before it begins" in run.errors["sizes"]
    assert "(4,); it has to be (n, 4)" in run.errors["flat"]
    assert "farther than 1e+06 px" in run.errors["far"]
    assert "(1, 10); it has to be (n, 5, 2)" in run.errors["pairs"]
    assert "not as it must be" in run.errors["list"]
    assert run.errors["text"].startswith("the answer is not JSON but 'no JSON\\n'")
    words = "the program ended with exit code 1; its last words: awake\nout of luck"
    assert run.errors["dies"] == words
    assert f"was ended by signal {signal.SIGKILL:d}" in run.errors["is-killed"]


def test_a_program_that_hangs_is_started_again(program: str, tmp_path: Path) -> None:
    subject = ExternalSubject("program", program, timeout_s=1.0)
    started = time.monotonic()
    run = run_all(truth_of("one", "hangs", "last"), subject, tmp_path)
    assert time.monotonic() - started < 30  # it was not waited for
    assert list(run.errors) == ["hangs"]
    assert run.errors["hangs"].startswith("no answer within 1 s; its last words: awake")


def test_a_line_that_nobody_asked_for_is_no_answer(program: str) -> None:
    """It would be taken for the next picture's, and every one after it."""
    subject = ExternalSubject("program", program)
    truth = truth_of("twice", "next", "last")
    first = subject.detect(truth.images[0], DetectionParams())
    assert (first.error, len(first.boxes)) == (None, 0)
    time.sleep(0.2)  # until the second line is there
    told = subject.detect(truth.images[1], DetectionParams()).error
    assert str(told).startswith("more than a line was answered before")
    assert len(subject.detect(truth.images[2], DetectionParams()).boxes) == 2
    subject.close()


def test_a_program_that_ends_after_each_answer_is_told(tmp_path: Path) -> None:
    script = tmp_path / "once.py"
    script.write_text('input()\nprint(\'{"boxes": [], "scores": []}\')')
    subject = ExternalSubject("once", shlex.join([sys.executable, str(script)]))
    answers = []
    for image in truth_of("a", "b", "c").images:
        answers.append(subject.detect(image, DetectionParams()).error)
        time.sleep(0.2)  # until it has ended
    assert answers == [None, "the program ended with exit code 0", None]
    subject.close()


def test_a_file_that_is_no_program_is_told(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("x")
    script.chmod(0o755)
    with pytest.raises(InvalidSettings, match="cannot be run: Exec format error"):
        run_all(truth_of("a"), ExternalSubject("script", str(script)), tmp_path)


def test_a_program_is_told_all_parameters(tmp_path: Path) -> None:
    script = tmp_path / "echo.py"
    script.write_text("import json\nprint(json.dumps({'error': input()}))")
    subject = ExternalSubject("echo", shlex.join([sys.executable, str(script)]))
    run = run_all(truth_of("a b.jpg"), subject, tmp_path)
    assert json.loads(run.errors["a b.jpg"]) == {
        "image": "/nowhere/a b.jpg",
        "min_size": 20,
        "factor": 0.709,
        "thresholds": [0.6, 0.7, 0.7],
    }


def test_another_script_is_another_detector(program: str, tmp_path: Path) -> None:
    before = ExternalSubject("program", program).identity
    assert ExternalSubject("program", program).identity == before
    (tmp_path / "program.py").write_text("another")
    assert ExternalSubject("program", program).identity != before


@pytest.mark.parametrize("command", ["", "no-such-program -x", "'open"])
def test_a_command_that_cannot_be_run_is_refused(command: str) -> None:
    with pytest.raises(InvalidSettings, match="the command"):
        ExternalSubject("program", command)
