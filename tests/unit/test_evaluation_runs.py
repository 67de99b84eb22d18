from __future__ import annotations

import logging
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest

from facedetect import Detector
from facedetect.backends.fake import FakeBackend
from facedetect.errors import BackendProtocolError, BackendUnavailable, InvalidSettings
from facedetect.evaluation.detections import (
    DetectionsFile,
    Found,
    from_line,
    nothing_found,
    to_line,
)
from facedetect.evaluation.runs import KNOWN_SETTINGS, Progress, evaluate
from facedetect.evaluation.subjects import BackendSubject, Subject
from facedetect.evaluation.truth import LabelledImage
from facedetect.faces import DetectionParams, Face
from tests.conftest import ASTRONAUT, face_at
from tests.fake import finding, raising, slow
from tests.unit.labelled import DEFAULTS, run_all, truth_of


def fake(*faces: Face, name: str = "fake", source: str = "fake:") -> tuple[FakeBackend, Subject]:
    backend = finding(*faces)
    return backend, BackendSubject(name, Detector(backend), source)


def test_an_answer_is_read_as_it_was_written() -> None:
    points = np.arange(20.0).reshape(2, 5, 2)
    boxes = np.array([[0.1, 0.2, 1 / 3, 4], [1, 2, 3, 4]])
    found = Found("a b.jpg", boxes, np.array([0.9, 0.5]), points, 0.25)
    again = from_line(to_line(found))
    assert (again.image, again.seconds, again.error) == ("a b.jpg", 0.25, None)
    np.testing.assert_array_equal(again.boxes, found.boxes)
    np.testing.assert_array_equal(again.scores, found.scores)
    assert again.landmarks is not None
    np.testing.assert_array_equal(again.landmarks, points)


def test_faces_of_a_backend_become_answers(tmp_path: Path) -> None:
    faces = [face_at(30, 5, side=20, confidence=0.5), face_at(10, 5, side=20, confidence=0.75)]
    _, subject = fake(*faces)
    run = run_all(truth_of("one", path=ASTRONAUT), subject, tmp_path)
    (found,) = run.found
    assert found.boxes.tolist() == [[10, 5, 30, 25], [30, 5, 50, 25]]
    assert found.scores.tolist() == [0.75, 0.5]
    assert found.landmarks is not None
    assert found.landmarks.shape == (2, 5, 2)
    assert found.landmarks[0, 0].tolist() == [16, 13]
    assert found.seconds > 0
    assert (run.name, run.errors, run.identity) == ("fake, defaults", {}, "fake:")


def test_every_subject_looks_at_every_setting(tmp_path: Path) -> None:
    one, first = fake(name="one")
    other, second = fake(name="other")
    truth = truth_of("a", "b", path=ASTRONAUT)
    runs = list(evaluate(truth, [first, second], KNOWN_SETTINGS, tmp_path, threads=2))
    assert [run.name for run in runs] == [
        "one, defaults",
        "one, recipe",
        "other, defaults",
        "other, recipe",
    ]
    for backend in (one, other):
        sizes = [request.params.min_size for request in backend.requests]
        assert sizes == [20, 20, 20, 10, 10]  # the first one warms up


def test_a_picture_that_cannot_be_read_is_an_error_of_its_own(tmp_path: Path) -> None:
    backend, subject = fake()
    run = run_all(truth_of("missing"), subject, tmp_path)
    assert "does not exist" in run.errors["missing"]
    assert run.found[0].boxes.shape == (0, 4)
    backend.respond = raising(BackendProtocolError("an odd answer"))
    run = run_all(truth_of("there", path=ASTRONAUT), subject, tmp_path)
    assert run.errors == {"there": "an odd answer"}
    backend.respond = raising(BackendUnavailable("gone"))
    with pytest.raises(BackendUnavailable, match="gone"):
        run_all(truth_of("another", path=ASTRONAUT), subject, tmp_path)


def test_what_was_answered_is_not_asked_for_again(tmp_path: Path) -> None:
    truth = truth_of("a", "b", "c", path=ASTRONAUT)
    _, subject = fake(face_at(10, 5, side=20, confidence=0.5))
    run_all(truth, subject, tmp_path)
    kept = tmp_path / "detections" / "fake" / "defaults.jsonl"
    assert len(kept.read_text().splitlines()) == 4
    kept.write_bytes(kept.read_bytes()[:-5])  # killed while it wrote the last line
    backend, subject = fake(face_at(10, 5, side=20, confidence=0.5))
    run = run_all(truth, subject, tmp_path)
    assert len(backend.requests) == 2
    assert [found.scores.tolist() for found in run.found] == [[0.5]] * 3
    head, *lines = kept.read_text().splitlines(keepends=True)
    assert len(lines) == 3
    kept.write_text("".join([head, *reversed(lines)]))  # as several threads may have them
    assert [found.image for found in run_all(truth, fake()[1], tmp_path).found] == ["a", "b", "c"]


def test_answers_of_another_detector_setting_or_truth_are_asked_for_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    truth = truth_of("a", path=ASTRONAUT)
    run_all(truth, fake()[1], tmp_path)
    others = [
        (truth, "other:", DetectionParams()),
        (truth, "other:", DetectionParams(min_size=30)),
        (truth_of("a", path=ASTRONAUT, side=21), "other:", DetectionParams(min_size=30)),
    ]
    for other, source, params in others:
        caplog.clear()
        backend, subject = fake(source=source)
        with caplog.at_level(logging.WARNING):
            list(evaluate(other, [subject], {"defaults": params}, tmp_path))
        assert len(backend.requests) == 2
        assert "is begun anew" in caplog.text
    (tmp_path / "detections" / "fake" / "defaults.jsonl").write_text('{"kind": "face')
    assert not run_all(truth, fake()[1], tmp_path).errors


def test_a_file_that_is_none_of_ours_is_left_as_it_is(tmp_path: Path) -> None:
    truth = truth_of("a", path=ASTRONAUT)
    run_all(truth, fake()[1], tmp_path)
    kept = tmp_path / "detections" / "fake" / "defaults.jsonl"
    for content, words in [
        ("a diary\n", "line 1 is none"),
        ("a diary", "line 1 is none"),
        (kept.read_text() + "{}\n", "line 3 cannot be read"),
        (kept.read_text() + '{"image": \n', "line 3 cannot be read"),
    ]:
        kept.write_text(content)
        with pytest.raises(InvalidSettings, match=words):
            run_all(truth, fake()[1], tmp_path)
        assert kept.read_text() == content


def test_errors_are_asked_for_again_unless_they_are_to_stay(tmp_path: Path) -> None:
    truth = truth_of("a", path=ASTRONAUT)
    backend, subject = fake()
    run_all(truth_of("before", path=ASTRONAUT), subject, tmp_path)
    backend.respond = raising(BackendProtocolError("tired"))
    assert run_all(truth, subject, tmp_path).errors
    assert run_all(truth, fake()[1], tmp_path, repeat_errors=False).errors == {"a": "tired"}
    assert not run_all(truth, fake()[1], tmp_path).errors


class Told(Progress):
    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def begin(self, name: str, total: int, done: int) -> None:
        self.words.append(f"{name}: {done} of {total}")

    def answered(self, found: Found) -> None:
        self.words.append(found.image)


class Stopped(Told):
    """As if Ctrl-C were pressed."""

    def answered(self, found: Found) -> None:
        super().answered(found)
        raise KeyboardInterrupt


def test_ctrl_c_keeps_what_is_done(tmp_path: Path) -> None:
    truth = truth_of("a", "b", "c", path=ASTRONAUT)
    with pytest.raises(KeyboardInterrupt):
        list(evaluate(truth, [fake()[1]], DEFAULTS, tmp_path, progress=Stopped()))
    told = Told()
    list(evaluate(truth, [fake()[1]], DEFAULTS, tmp_path, progress=told))
    assert told.words[0] == "fake, defaults: 1 of 3"
    assert len(told.words) == 3


class Ending(Told):
    """Ends the evaluation at its first answer, as the command does at a signal."""

    def answered(self, found: Found) -> None:
        super().answered(found)
        self.stop.set()


@pytest.mark.parametrize("threads", [1, 2])
def test_an_evaluation_that_is_to_end_finishes_what_is_under_way(
    threads: int, tmp_path: Path
) -> None:
    truth = truth_of(*"abcdefgh", path=ASTRONAUT)
    backend, subject = fake()
    backend.respond = slow(0.1)
    ending = Ending()
    runs = evaluate(truth, [subject], DEFAULTS, tmp_path, threads=threads, progress=ending)
    assert not list(runs)
    assert threads <= len(ending.words) - 1 <= 2 * threads
    run = run_all(truth, fake()[1], tmp_path)
    assert len(run.found) == 8


class Two:
    """Answers as soon as two pictures are asked for at once."""

    name = identity = "two"

    def __init__(self) -> None:
        self._both_here = Barrier(2)

    def detect(self, image: LabelledImage, _: DetectionParams) -> Found:
        self._both_here.wait(timeout=5)
        return Found(image.name, np.zeros((0, 4)), np.zeros(0), None, 0.1)

    def close(self) -> None:
        pass


def test_pictures_are_looked_at_side_by_side(tmp_path: Path) -> None:
    truth = truth_of("a", "b", "c", "d")
    (run,) = evaluate(truth, [Two()], DEFAULTS, tmp_path, threads=2)
    assert not run.errors


@pytest.mark.parametrize("name", ["", "../up", "a/b", "-", "a\n"])
def test_names_that_cannot_be_files_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="cannot be used"):
        list(evaluate(truth_of("a"), [fake(name=name)[1]], DEFAULTS, tmp_path))
    with pytest.raises(InvalidSettings, match="cannot be used"):
        list(evaluate(truth_of("a"), [fake()[1]], {name: DetectionParams()}, tmp_path))


def test_two_detectors_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="two detectors are called 'fake'"):
        list(evaluate(truth_of("a"), [fake()[1], fake()[1]], DEFAULTS, tmp_path))


def test_two_evaluations_do_not_write_one_file(tmp_path: Path) -> None:
    path = tmp_path / "defaults.jsonl"
    with DetectionsFile(path, "first") as kept:
        kept.add(nothing_found("a", "out", 0.0))
        assert path.read_text().count("\n") == 2  # also if nothing more can be done
        with pytest.raises(InvalidSettings, match="another evaluation writes"):
            DetectionsFile(path, "second")
    with DetectionsFile(path, "first") as kept:
        assert list(kept.found) == ["a"]
