"""Each face is returned once, however many views show it."""

from __future__ import annotations

from dataclasses import astuple, replace

import pytest

from facedetect.faces import Box
from facedetect.fusion import fuse_looks, keep_best
from tests.conftest import face_at


def test_looks_are_averaged_by_their_scores() -> None:
    first = face_at(10, 20, side=40, confidence=0.9)
    second = face_at(14, 20, side=40, confidence=0.3)
    (found,) = fuse_looks([[first], [second]])
    assert found.confidence == pytest.approx(0.6)
    assert astuple(found.box) == pytest.approx((11, 20, 51, 60))
    expected = face_at(11, 20, side=40, confidence=0.6)
    for point, place in zip(found.landmarks, expected.landmarks, strict=True):
        assert astuple(point) == pytest.approx(astuple(place))


def test_a_look_that_misses_a_face_counts_as_zero() -> None:
    face = face_at(10, 20, side=40, confidence=0.8)
    (found,) = fuse_looks([[], [face], [], []])
    assert found.confidence == pytest.approx(0.2)
    assert found.box == face.box


def test_faces_that_overlap_by_less_than_half_stay_apart() -> None:
    first = face_at(10, 20, side=40, confidence=0.8)
    second = face_at(30, 20, side=40, confidence=0.6)
    found = fuse_looks([[first], [second]])
    assert [face.confidence for face in found] == [pytest.approx(0.4), pytest.approx(0.3)]


def test_faces_of_one_look_are_never_one() -> None:
    first, second = (face_at(x, 20, side=40, confidence=0.8) for x in (10, 14))
    other = face_at(13, 20, side=40, confidence=0.4)
    found = fuse_looks([[first, second], [other]])
    assert sorted(face.confidence for face in found) == pytest.approx([0.4, 0.6])


def test_of_all_rotations_the_best_score_wins() -> None:
    upright = face_at(10, 20, side=40, confidence=0.7)
    turned = face_at(27, 20, side=40, confidence=0.9)  # overlaps by 23/57
    elsewhere = replace(upright, box=Box(100, 20, 140, 60))
    assert keep_best([[upright, elsewhere], [turned], []]) == [turned, elsewhere]


def test_one_list_stays_as_it_is() -> None:
    faces = [face_at(10, 20, side=40, confidence=score) for score in (0.7, 0.9)]
    assert fuse_looks([faces]) == faces
    assert keep_best([faces]) == faces


def test_nothing_is_nothing() -> None:
    assert fuse_looks([[], []]) == []
    assert keep_best([[], [], [], []]) == []


def test_a_crowd_in_two_looks_is_counted_once() -> None:
    places = [(12 * column, 12 * row) for row in range(60) for column in range(60)]
    looks = [
        [
            face_at(x + shift, y, side=12, confidence=0.5 + i / 1e4)
            for i, (x, y) in enumerate(places)
        ]
        for shift in (0, 1)
    ]
    found = fuse_looks(looks)
    assert len(found) == len(places)
    assert min(face.box.x_min for face in found) == pytest.approx(0.5)
    assert max(face.confidence for face in found) == pytest.approx(0.5 + 3599 / 1e4)
