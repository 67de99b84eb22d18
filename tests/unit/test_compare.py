"""Comparing what two models find."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from facedetect import DetectionParams, Detector
from facedetect.backends import BackendSpec
from facedetect.backends.fake import FakeBackend
from facedetect.cli.compare_command import backend_of
from facedetect.errors import BackendUnavailable
from facedetect.evaluation.detector_comparison import (
    ImageComparison,
    compare_faces,
    compare_images,
)
from facedetect.faces import Box, Face
from facedetect.pairing import pair_boxes
from tests.conftest import ASTRONAUT, face_at
from tests.fake import failing, finding

LEFT, RIGHT = (face_at(x, 10, side=20, confidence=0.9) for x in (10, 200))


def rows(first: list[Face], second: list[Face], *images: Path) -> list[ImageComparison]:
    named = [(path.name, path) for path in images]
    one, other = (Detector(finding(*faces)) for faces in (first, second))
    return list(compare_images(one, other, named, DetectionParams(), threads=2))


def test_the_same_faces_do_not_differ() -> None:
    (row,) = rows([LEFT, RIGHT], [RIGHT, LEFT], ASTRONAUT)
    assert row == ImageComparison(ASTRONAUT.name, both=2)
    assert not row.differs(0)


def test_lost_and_new_faces_are_told() -> None:
    (row,) = rows([LEFT], [RIGHT], ASTRONAUT)
    assert (row.both, len(row.lost), len(row.new)) == (0, 1, 1)
    assert row.lost[0].box.x_min == pytest.approx(10)
    assert row.differs(1000)


def test_moves_and_scores_are_measured() -> None:
    moved = face_at(13, 14, side=20, confidence=0.8)
    row = compare_faces("a.jpg", [LEFT], [moved])
    assert row.both == 1
    assert row.shift == pytest.approx(5)
    assert row.score_change == pytest.approx(0.1)
    assert row.differs(4.9)
    assert not row.differs(5.1)


def test_images_come_in_order_and_bad_ones_are_told(tmp_path: Path) -> None:
    good, bad, gone = tmp_path / "a.jpg", tmp_path / "b.jpg", tmp_path / "c.jpg"
    shutil.copy(ASTRONAUT, good)
    bad.write_bytes(b"no image")
    found = rows([LEFT], [LEFT], bad, good, gone)
    assert [row.error is None for row in found] == [False, True, False]
    assert [row.image for row in found] == ["b.jpg", "a.jpg", "c.jpg"]


def test_a_backend_that_is_down_ends_it() -> None:
    down = Detector(failing(BackendUnavailable("down")))
    with pytest.raises(BackendUnavailable):
        list(
            compare_images(
                Detector(FakeBackend()), down, [("a", ASTRONAUT)], DetectionParams(), threads=1
            )
        )


def test_boxes_are_paired_one_to_one_by_overlap() -> None:
    one, close, far = Box(0, 0, 10, 10), Box(0, 0, 10, 9), Box(50, 50, 60, 60)
    assert one.overlap(one) == 1
    assert one.overlap(far) == 0
    assert one.overlap(close) == close.overlap(one) == pytest.approx(0.9)
    assert pair_boxes([one, far], [close, one]) == [(0, 1)]
    assert sorted(pair_boxes([close, one], [one, close, far])) == [(0, 1), (1, 0)]
    assert pair_boxes([], [one]) == []


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("2", "grpcs://models:8500/mtcnn?version=2&dns=10.0.0.2:53&ca_file=/ca.pem"),
        ("canary", "grpcs://models:8500/mtcnn?label=canary&dns=10.0.0.2:53&ca_file=/ca.pem"),
        ("savedmodel:models/new", "savedmodel:models/new"),
    ],
)
def test_a_version_keeps_the_other_options_of_the_backend(name: str, url: str) -> None:
    backend = "grpcs://models:8500/mtcnn?ca_file=/ca.pem&label=stable&dns=10.0.0.2:53"
    assert str(backend_of(name, BackendSpec.parse(backend))) == url
