from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from threading import Barrier, Event

import numpy as np
import pytest

from facedetect import Detector
from facedetect.backends.base import InferenceRequest
from facedetect.backends.fake import FakeBackend
from facedetect.detection_params import DetectionParams
from facedetect.errors import BackendProtocolError, BackendUnavailable, InvalidSettings
from facedetect.evaluation.dataset import LabelledImage
from facedetect.evaluation.detections_file import DetectionsFile
from facedetect.evaluation.detector_adapters import BackendAdapter, DetectorAdapter
from facedetect.evaluation.evaluation_run import KNOWN_SETTINGS, EvaluationProgress, evaluate
from facedetect.evaluation.image_detections import ImageDetections, from_json_line, to_json_line
from facedetect.faces import Face
from tests.conftest import ASTRONAUT, face_at
from tests.fake import finding, raising
from tests.unit.evaluation_data import DEFAULTS, one_face_images, run_detector


def fake(
    *faces: Face, name: str = "fake", source: str = "fake:"
) -> tuple[FakeBackend, DetectorAdapter]:
    backend = finding(*faces)
    return backend, BackendAdapter(name, Detector(backend), source)


def test_a_line_is_read_as_it_was_written() -> None:
    points = np.arange(20.0).reshape(2, 5, 2)
    boxes = np.array([[0.1, 0.2, 1 / 3, 4], [1, 2, 3, 4]])
    written = ImageDetections("a b.jpg", boxes, np.array([0.9, 0.5]), points, 0.25)
    again = from_json_line(to_json_line(written))
    assert (again.image, again.seconds, again.error) == ("a b.jpg", 0.25, None)
    np.testing.assert_array_equal(again.boxes, written.boxes)
    np.testing.assert_array_equal(again.scores, written.scores)
    assert again.landmarks is not None
    np.testing.assert_array_equal(again.landmarks, points)


def test_faces_of_a_backend_become_detections(tmp_path: Path) -> None:
    faces = [face_at(30, 5, side=20, confidence=0.5), face_at(10, 5, side=20, confidence=0.75)]
    _, detector = fake(*faces)
    run = run_detector(one_face_images("one", path=ASTRONAUT), detector, tmp_path)
    (found,) = run.detections
    assert found.boxes.tolist() == [[10, 5, 30, 25], [30, 5, 50, 25]]
    assert found.scores.tolist() == [0.75, 0.5]
    assert found.landmarks is not None
    assert found.landmarks.shape == (2, 5, 2)
    assert found.landmarks[0, 0].tolist() == [16, 13]
    assert found.seconds > 0
    assert (run.detector, run.setting, run.identity) == ("fake", "defaults", "fake:")
    assert not run.errors


def test_every_detector_runs_at_every_setting(tmp_path: Path) -> None:
    one, first = fake(name="one")
    other, second = fake(name="other")
    dataset = one_face_images("a", "b", path=ASTRONAUT)
    runs = list(evaluate(dataset, [first, second], KNOWN_SETTINGS, tmp_path, threads=2))
    assert [(run.detector, run.setting) for run in runs] == [
        ("one", "defaults"),
        ("one", "recipe"),
        ("other", "defaults"),
        ("other", "recipe"),
    ]
    for backend in (one, other):
        sizes = [request.params.min_size for request in backend.requests]
        assert sizes == [20, 20, 10, 10]


def test_an_image_that_cannot_be_read_fails_alone(tmp_path: Path) -> None:
    backend, detector = fake()
    run = run_detector(one_face_images("missing"), detector, tmp_path)
    assert "does not exist" in run.errors["missing"]
    assert run.detections[0].boxes.shape == (0, 4)
    backend.respond = raising(BackendProtocolError("an odd answer"))
    run = run_detector(one_face_images("there", path=ASTRONAUT), detector, tmp_path)
    assert run.errors == {"there": "an odd answer"}
    backend.respond = raising(BackendUnavailable("gone"))
    with pytest.raises(BackendUnavailable, match="gone"):
        run_detector(one_face_images("another", path=ASTRONAUT), detector, tmp_path)


def test_a_run_resumes_from_the_kept_detections(tmp_path: Path) -> None:
    dataset = one_face_images("a", "b", "c", path=ASTRONAUT)
    _, detector = fake(face_at(10, 5, side=20, confidence=0.5))
    run_detector(dataset, detector, tmp_path)
    kept = tmp_path / "detections" / "fake" / "defaults.jsonl"
    assert len(kept.read_text().splitlines()) == 4
    kept.write_bytes(kept.read_bytes()[:-5])  # killed while it wrote the last line
    backend, detector = fake(face_at(10, 5, side=20, confidence=0.5))
    run = run_detector(dataset, detector, tmp_path)
    assert len(backend.requests) == 1
    assert [found.scores.tolist() for found in run.detections] == [[0.5]] * 3
    header, *lines = kept.read_text().splitlines(keepends=True)
    assert len(lines) == 3
    kept.write_text("".join([header, *reversed(lines)]))  # as several threads may write them
    run = run_detector(dataset, fake()[1], tmp_path)
    assert [found.image for found in run.detections] == ["a", "b", "c"]


def test_another_detector_setting_or_dataset_starts_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dataset = one_face_images("a", path=ASTRONAUT)
    run_detector(dataset, fake()[1], tmp_path)
    others = [
        (dataset, "other:", DetectionParams()),
        (dataset, "other:", DetectionParams(min_size=30)),
        (one_face_images("a", path=ASTRONAUT, side=21), "other:", DetectionParams(min_size=30)),
    ]
    for other, source, params in others:
        caplog.clear()
        backend, detector = fake(source=source)
        with caplog.at_level(logging.WARNING):
            list(evaluate(other, [detector], {"defaults": params}, tmp_path))
        assert len(backend.requests) == 1
        assert "starting over" in caplog.text
    (tmp_path / "detections" / "fake" / "defaults.jsonl").write_text('{"kind": "face')
    assert not run_detector(dataset, fake()[1], tmp_path).errors


def test_a_file_of_another_kind_is_not_changed(tmp_path: Path) -> None:
    dataset = one_face_images("a", path=ASTRONAUT)
    run_detector(dataset, fake()[1], tmp_path)
    kept = tmp_path / "detections" / "fake" / "defaults.jsonl"
    for content, message in [
        ("a diary\n", "is not a detections file"),
        ("a diary", "is not a detections file"),
        (kept.read_text() + "{}\n", "is damaged at line 3"),
        (kept.read_text() + '{"image": \n', "is damaged at line 3"),
    ]:
        kept.write_text(content)
        with pytest.raises(InvalidSettings, match=message):
            run_detector(dataset, fake()[1], tmp_path)
        assert kept.read_text() == content


def test_failed_images_are_repeated_unless_told_otherwise(tmp_path: Path) -> None:
    dataset = one_face_images("a", path=ASTRONAUT)
    backend, detector = fake()
    run_detector(one_face_images("before", path=ASTRONAUT), detector, tmp_path)
    backend.respond = raising(BackendProtocolError("tired"))
    assert run_detector(dataset, detector, tmp_path).errors
    assert run_detector(dataset, fake()[1], tmp_path, repeat_errors=False).errors == {"a": "tired"}
    assert not run_detector(dataset, fake()[1], tmp_path).errors


def test_ctrl_c_keeps_the_images_that_are_done(tmp_path: Path) -> None:
    dataset = one_face_images("a", "b", "c", path=ASTRONAUT)

    def interrupt(progress: EvaluationProgress) -> None:
        if progress.detections is not None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(evaluate(dataset, [fake()[1]], DEFAULTS, tmp_path, on_progress=interrupt))
    told: list[EvaluationProgress] = []
    list(evaluate(dataset, [fake()[1]], DEFAULTS, tmp_path, on_progress=told.append))
    assert told[0] == EvaluationProgress("fake", "defaults", total=3, kept=1, done=1)
    assert [progress.done for progress in told] == [1, 2, 3]


def test_failures_are_counted(tmp_path: Path) -> None:
    told: list[EvaluationProgress] = []
    list(evaluate(one_face_images("a"), [fake()[1]], DEFAULTS, tmp_path, on_progress=told.append))
    assert [progress.failed for progress in told] == [0, 1]
    assert told[1].detections is not None
    assert told[1].detections.image == "a"


@pytest.mark.parametrize("threads", [1, 2])
def test_a_stopped_evaluation_finishes_the_images_in_progress(threads: int, tmp_path: Path) -> None:
    dataset = one_face_images(*"abcdefgh", path=ASTRONAUT)
    backend, detector = fake()
    stop = Event()
    answered = count()

    def wait_once_each_thread_has_answered(_: InferenceRequest) -> Sequence[Face]:
        if next(answered) >= threads:
            stop.wait(60)
        return ()

    backend.respond = wait_once_each_thread_has_answered
    told: list[EvaluationProgress] = []

    def stop_after_one(progress: EvaluationProgress) -> None:
        """Stop as the command does on a signal."""
        told.append(progress)
        if progress.detections is not None:
            stop.set()

    runs = evaluate(
        dataset,
        [detector],
        DEFAULTS,
        tmp_path,
        threads=threads,
        on_progress=stop_after_one,
        stop=stop,
    )
    assert not list(runs)
    assert threads <= told[-1].done <= 2 * threads
    run = run_detector(dataset, fake()[1], tmp_path)
    assert len(run.detections) == 8


class TwoAtOnce:
    """Answers as soon as two images are being processed."""

    name = identity = "two"

    def __init__(self) -> None:
        self._both_here = Barrier(2)

    def detect(self, image: LabelledImage, _: DetectionParams) -> ImageDetections:
        self._both_here.wait(timeout=5)
        return ImageDetections(image.name, np.zeros((0, 4)), np.zeros(0), None, 0.1)

    def close(self) -> None:
        pass


def test_images_are_processed_in_parallel(tmp_path: Path) -> None:
    dataset = one_face_images("a", "b", "c", "d")
    (run,) = evaluate(dataset, [TwoAtOnce()], DEFAULTS, tmp_path, threads=2)
    assert not run.errors


@pytest.mark.parametrize("name", ["", "../up", "a/b", "-", "a\n"])
def test_names_that_cannot_be_file_names_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="is not a valid name"):
        list(evaluate(one_face_images("a"), [fake(name=name)[1]], DEFAULTS, tmp_path))
    with pytest.raises(InvalidSettings, match="is not a valid name"):
        list(evaluate(one_face_images("a"), [fake()[1]], {name: DetectionParams()}, tmp_path))


def test_two_detectors_of_the_same_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="two detectors are named 'fake'"):
        list(evaluate(one_face_images("a"), [fake()[1], fake()[1]], DEFAULTS, tmp_path))


def test_two_evaluations_do_not_write_one_file(tmp_path: Path) -> None:
    path = tmp_path / "defaults.jsonl"
    with DetectionsFile(path, {"detector": "first"}) as kept:
        kept.add(ImageDetections.failed("a", "out", 0.0))
        assert path.read_text().count("\n") == 2  # before the file is closed
        with pytest.raises(InvalidSettings, match="another evaluation is writing"):
            DetectionsFile(path, {"detector": "second"})
    with DetectionsFile(path, {"detector": "first"}) as kept:
        assert list(kept.detections) == ["a"]
