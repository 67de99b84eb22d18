from __future__ import annotations

import numpy as np
import pytest

from facedetect import annotate
from facedetect.images import BGRImage
from facedetect.render import render
from tests.conftest import face_at


def test_faces_are_drawn_on_a_copy(astronaut: BGRImage) -> None:
    before = astronaut.copy()
    drawn = annotate(astronaut, [face_at(100, 200, side=80, confidence=0.9)])
    assert np.array_equal(astronaut, before)
    changed = np.argwhere((drawn != before).any(axis=2))
    (top, left), (bottom, right) = changed.min(axis=0), changed.max(axis=0)
    assert left == pytest.approx(100, abs=2)
    assert right == pytest.approx(180, abs=2)
    assert bottom == pytest.approx(280, abs=2)
    assert 170 < top < 200  # the label stands above the box


def test_a_label_without_room_above_stands_inside(astronaut: BGRImage) -> None:
    drawn = annotate(astronaut, [face_at(100, 0, side=80, confidence=0.9)])
    changed = np.argwhere((drawn != astronaut).any(axis=2))
    assert len(changed) > 0
    assert changed[:, 0].max() <= 82


def test_labels_of_small_faces_leave_their_neighbours_alone() -> None:
    image = np.zeros((3000, 4000, 3), np.uint8)
    small, beside = (face_at(x, 1000, side=80, confidence=0.9) for x in (1000, 1100))
    drawn = annotate(image, [small])
    box = beside.box
    part = drawn[900 : int(box.y_max), int(box.x_min) : int(box.x_max)]
    assert not part.any()
    assert drawn[900:990, 1000:1080].any()  # it has a label, of its own width
    tiny = annotate(image, [face_at(1000, 1000, side=15, confidence=0.9)])
    assert not tiny[:990].any()


@pytest.mark.parametrize("shape", [(1, 1, 3), (12, 3000, 3)])
def test_any_size_can_be_drawn_on(shape: tuple[int, int, int]) -> None:
    image = np.zeros(shape, np.uint8)
    assert annotate(image, [face_at(-5, -5, side=30, confidence=1)]).shape == shape


def test_no_face_changes_nothing(astronaut: BGRImage) -> None:
    assert np.array_equal(annotate(astronaut, []), astronaut)


def test_the_style_decides(astronaut: BGRImage) -> None:
    faces = [face_at(100, 200, side=80, confidence=0.9)]
    assert np.array_equal(render(astronaut, faces, "box"), annotate(astronaut, faces))
    solid = render(astronaut, faces, "solid")
    assert not solid[200:280, 100:180].any()
